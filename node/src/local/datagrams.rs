//! Datagrams as local connections: a frame each.

use std::{pin::pin, time::Duration};

use byway_api::local::{DATAGRAM_PROTOCOL, DatagramFrame, FRAME_LENGTH, FRAME_MAX};
use byway_base::{DatagramError, OverlayAddress, Port, Problem};
use futures_util::{StreamExt, future::select};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, split},
    sync::Notify,
    time::sleep,
};
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};
use tracing::debug;

use super::{
    Api,
    channels::{Channel, Holds},
};
use crate::{Datagrams, IncomingDatagrams, Listener, Node, PathChoice, RouteInfo};

/// How soon a larger maximum is looked for after a change, since nothing tells: twice as late each time without one.
const LOOK_FIRST: Duration = Duration::from_millis(5);
/// How often it is looked for at least.
const LOOK_LAST: Duration = Duration::from_secs(5);

impl Channel for Datagrams {
    const PROTOCOL: &'static str = DATAGRAM_PROTOCOL;
    const DIAL: &'static str = "/v1/datagrams/dial";
    const LISTEN: &'static str = "/v1/datagrams/listen/{port}";
    const ACCEPT: &'static str = "/v1/datagrams/accept/{port}";
    type Incoming = IncomingDatagrams;

    fn holds(api: &Api) -> &Holds<IncomingDatagrams> {
        &api.datagrams
    }

    fn listen(node: &Node, port: Port) -> Result<Listener<IncomingDatagrams>, Problem> {
        node.listen_datagrams(port)
    }

    async fn dial(
        node: &Node,
        to: OverlayAddress,
        choice: PathChoice,
    ) -> Result<(Self, Vec<RouteInfo>), Problem> {
        node.dial_datagrams(to, choice).await
    }

    fn parts(incoming: IncomingDatagrams) -> (OverlayAddress, Self) {
        (incoming.from, incoming.datagrams)
    }

    async fn carry(self, local: TokioIo<Upgraded>) {
        let mut codec = LengthDelimitedCodec::builder();
        codec.length_field_length(FRAME_LENGTH).max_frame_length(FRAME_MAX);
        let (from_app, to_app) = split(local);
        let from_app = codec.new_read(from_app);
        let refused = Notify::new();
        // Apart from each other: an app that does not read may still send, and loses what it does not read.
        let down = pin!(self.pass_down(to_app, &refused));
        let up = pin!(self.pass_up(from_app, &refused));
        select(down, up).await;
    }
}

impl Datagrams {
    /// Passes on what the app sends, until it ends, sends what is no frame, or the channel is closed.
    async fn pass_up(
        &self,
        mut frames: FramedRead<impl AsyncRead + Unpin, LengthDelimitedCodec>,
        refused: &Notify,
    ) {
        while let Some(frame) = frames.next().await {
            let frame = match frame {
                Ok(frame) => frame.freeze(),
                Err(error) => return debug!(%error, "a local connection for datagrams broke"),
            };
            let Ok(DatagramFrame::Datagram(datagram)) = DatagramFrame::read(&frame) else {
                return debug!("a local app sent what is no datagram");
            };
            match self.send(frame.slice_ref(datagram)) {
                Ok(()) => {}
                Err(DatagramError::TooLarge { .. }) => refused.notify_one(),
                Err(DatagramError::Closed) => return,
            }
        }
    }

    /// Passes on what comes for the app, and the maximum whenever it is another one or one was refused.
    async fn pass_down(&self, mut app: impl AsyncWrite + Unpin, refused: &Notify) {
        let (mut told, mut pause) = (None, LOOK_FIRST);
        loop {
            let max = self.max_size();
            if told != Some(max) {
                if app.write_all(&DatagramFrame::Maximum(max).to_bytes()).await.is_err() {
                    return;
                }
                (told, pause) = (Some(max), LOOK_FIRST);
            }
            tokio::select! {
                datagram = self.recv() => {
                    let Some(datagram) = datagram else { return };
                    if app.write_all(&DatagramFrame::Datagram(&datagram).to_bytes()).await.is_err() {
                        return;
                    }
                }
                () = refused.notified() => told = None,
                () = sleep(pause) => pause = (pause * 2).min(LOOK_LAST),
            }
        }
    }
}
