//! The web server that runs on bob's machine.

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinSet,
};

use crate::{skip::Skip, steps::PAGE};

/// Serves one page on port 8080 of loopback for as long as the set lives.
pub(crate) async fn serve() -> Result<JoinSet<()>, Skip> {
    let listener = TcpListener::bind(("127.0.0.1", 8080)).await;
    let listener = listener.map_err(|error| Skip(format!("cannot listen on port 8080: {error}")))?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut line = String::from("-");
            while !line.trim_end().is_empty() {
                line.clear();
                if stream.read_line(&mut line).await.is_err() {
                    break;
                }
            }
            let reply = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len());
            // Who asked sees that the page is not whole.
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    Ok(tasks)
}
