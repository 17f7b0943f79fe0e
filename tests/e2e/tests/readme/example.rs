//! The README's example of an app in Rust, compiled and run.

use std::{error::Error, path::Path};

use byway_api::local::DialRequest;
use byway_base::Port;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// This file.
const SOURCE: &str = include_str!("example.rs");

#[expect(clippy::print_stdout, reason = "the example is shown to people")]
pub(crate) async fn page_of_bob(socket: &Path) -> Result<String, Box<dyn Error>> {
    // From here on as in the README.
    let node = byway_app_sdk::LocalNode::connect(socket).await?;
    let bob = DialRequest { peer: "bob".into(), port: Port(80), policy: Some("hops>=2".into()), path: None };
    let (mut stream, routes) = node.dial(bob).await?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    println!("over {} hops: {page}", routes[0].hops.len());
    // Up to here as in the README.
    Ok(page)
}

/// The lines between the two comments, without their indentation.
pub(crate) fn shown() -> String {
    let lines = SOURCE.lines().map(str::trim).skip_while(|line| !line.starts_with("// From here on"));
    let lines = lines.skip(1).take_while(|line| !line.starts_with("// Up to here"));
    lines.map(|line| format!("{line}\n")).collect()
}
