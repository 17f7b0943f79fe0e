//! A UDP relay in the place of a network: loses packets, lets them vanish, and changes its own address.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{net::UdpSocket, task::JoinSet};

/// Stands between one dialler and one listener.
pub(crate) struct Relay {
    /// Where the dialler finds the listener.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    tasks: JoinSet<io::Result<()>>,
}

struct State {
    front: UdpSocket,
    listener: SocketAddr,
    dialler: Mutex<Option<SocketAddr>>,
    back: Mutex<Arc<UdpSocket>>,
    hole: AtomicBool,
    /// One of so many packets is lost; none if zero.
    lose: u64,
    random: AtomicU64,
}

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

impl Relay {
    pub(crate) async fn start(listener: SocketAddr, lose: u64) -> Self {
        let state = State {
            front: socket().await,
            listener,
            dialler: Mutex::default(),
            back: Mutex::new(Arc::new(socket().await)),
            hole: AtomicBool::new(false),
            lose,
            random: AtomicU64::new(1),
        };
        let state = Arc::new(state);
        let mut tasks = JoinSet::new();
        tasks.spawn(forward(state.clone()));
        tasks.spawn(back(state.clone()));
        Self { address: state.front.local_addr().unwrap(), state, tasks }
    }

    /// The listener sees the dialler's packets come from another address from now on, as behind a NAT that was restarted:
    /// what is sent to the old one is lost.
    pub(crate) async fn change_address(&mut self) {
        *self.state.back.lock() = Arc::new(socket().await);
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        self.tasks.spawn(forward(self.state.clone()));
        self.tasks.spawn(back(self.state.clone()));
    }

    /// Lets everything vanish from now on.
    pub(crate) fn vanish(&self) {
        self.state.hole.store(true, Ordering::Relaxed);
    }
}

impl State {
    fn lost(&self) -> bool {
        let next = |seed: u64| seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let seed = self.random.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seed| Some(next(seed)));
        let unlucky = self.lose > 0 && (next(seed.unwrap()) >> 33).is_multiple_of(self.lose);
        unlucky || self.hole.load(Ordering::Relaxed)
    }
}

async fn forward(state: Arc<State>) -> io::Result<()> {
    let mut packet = vec![0; 65_536];
    loop {
        let (length, from) = state.front.recv_from(&mut packet).await?;
        *state.dialler.lock() = Some(from);
        let back = state.back.lock().clone();
        if !state.lost() {
            back.send_to(&packet[..length], state.listener).await?;
        }
    }
}

async fn back(state: Arc<State>) -> io::Result<()> {
    let mut packet = vec![0; 65_536];
    let back = state.back.lock().clone();
    loop {
        let (length, _) = back.recv_from(&mut packet).await?;
        let dialler = *state.dialler.lock();
        if let Some(dialler) = dialler.filter(|_| !state.lost()) {
            state.front.send_to(&packet[..length], dialler).await?;
        }
    }
}
