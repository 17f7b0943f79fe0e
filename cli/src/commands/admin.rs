//! `byway admin`: what a service's admin listener tells of its audit log and its clients.

use std::{net::SocketAddr, process::ExitCode};

use byway_api::{
    admin::{AuditEvent, AuditOutcome, AuditQuery, ListAudit},
    messaging_server::{ClientView, ClientsQuery, ListClients},
};
use byway_base::{
    Problem,
    limits::{AUDIT_KEPT, MESSAGING_CLIENTS},
};
use byway_http::client::Client;
use clap::{Args, Subcommand};

use super::health::reachable;
use crate::{
    output::{Output, Table},
    stop::Stop,
};

/// What to ask an admin listener.
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// The admin listener.
    #[arg(long, value_name = "IP:PORT", env = "BYWAY_ADMIN_LISTEN")]
    admin: SocketAddr,
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// Lists writes that matter: who did what, and who was refused. Every service that takes signed writes has them.
    Audit,
    /// Lists the clients of a messaging server.
    Clients,
}

pub(crate) async fn run(args: AdminArgs, out: Output) -> Result<ExitCode, Stop> {
    let client = Client::new(&format!("http://{}", reachable(args.admin)), None, None)?;
    match args.question {
        Question::Audit => {
            let events = audit(&client).await?;
            out.list(&events, |paint| audit_table(&events).render(paint))?;
        }
        Question::Clients => {
            let clients = clients(&client).await?;
            out.list(&clients, |paint| {
                let mut table = Table::new(["CLIENT"]);
                for client in &clients {
                    table.row([client.key.to_string()]);
                }
                table.render(paint)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All that is kept. What happens meanwhile may make it a little more.
async fn audit(client: &Client) -> Result<Vec<AuditEvent>, Problem> {
    let (mut events, mut cursor) = (Vec::new(), None);
    while events.len() < 2 * AUDIT_KEPT {
        let page = client.call::<ListAudit>((), AuditQuery { cursor, limit: None }, ()).await?;
        events.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(events)
}

async fn clients(client: &Client) -> Result<Vec<ClientView>, Problem> {
    let (mut clients, mut cursor) = (Vec::new(), None);
    while clients.len() < MESSAGING_CLIENTS {
        let page = client.call::<ListClients>((), ClientsQuery { cursor, limit: None }, ()).await?;
        clients.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(clients)
}

fn audit_table(events: &[AuditEvent]) -> Table {
    let mut table = Table::new(["SEQUENCE", "UNIX TIME", "ACTION", "BY", "SUBJECT", "OUTCOME"]);
    for event in events {
        let outcome = match event.outcome {
            AuditOutcome::Done => "done".to_owned(),
            AuditOutcome::Refused { code } => format!("refused {code}"),
            AuditOutcome::Abandoned => "abandoned".to_owned(),
        };
        table.row([
            event.sequence.to_string(),
            event.at.0.to_string(),
            event.action.clone(),
            event.by.to_string(),
            event.subject.clone(),
            outcome,
        ]);
    }
    table
}
