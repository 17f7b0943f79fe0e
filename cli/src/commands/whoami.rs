//! `byway whoami`: the node's key.

use std::process::ExitCode;

use byway_api::local::GetStatus;

use super::key::{Forms, show};
use crate::{context::Context, output::Format, stop::Stop};

pub(crate) async fn run(context: &Context) -> Result<ExitCode, Stop> {
    let key = context.node.call::<GetStatus>((), (), ()).await?.key;
    if context.out.format == Format::Table {
        // Alone on its line, so that it can be pasted and piped.
        context.out.line(&key, || key.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    show(&Forms::from(key), context.out)
}
