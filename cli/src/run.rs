//! From arguments to an exit code.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use byway_base::{Code, Problem};
use byway_service_kit::{OutputFormat, render_problem};
use clap::Parser;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

use crate::{
    args::{Cli, Command, Global},
    commands,
    context::{Context, output, problem_format},
    demo,
    stop::Stop,
    usage,
};

/// The exit code of a command that its user interrupted.
const INTERRUPTED: u8 = 130;

/// Runs the command; `args` begin with the program's name.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let Cli { global, command } = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error, &args),
    };
    let format = problem_format(global.output);
    match command {
        // These handle signals themselves: the first one asks them to finish.
        Command::Up(args) => commands::up::run(args, &global),
        Command::Service(args) => {
            commands::service::run(args).unwrap_or_else(|problem| fail(&problem, format))
        }
        Command::Demo(args) => {
            let out = output(&global);
            runtime().map_or_else(
                |problem| fail(&problem, format),
                |it| it.block_on(Box::pin(demo::run(args, out))),
            )
        }
        command => interruptible(command, &global).unwrap_or_else(|stop| match stop {
            Stop::Problem(problem) => fail(&problem, format),
            Stop::Unheard => ExitCode::SUCCESS,
        }),
    }
}

fn interruptible(command: Command, global: &Global) -> Result<ExitCode, Stop> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        // Taken hold of before the command begins: who reads its first line may interrupt it at once.
        let failed = |error| Problem::new(Code::Internal, "cannot listen to signals", error);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::select! {
            outcome = Box::pin(dispatch(command, global)) => outcome,
            _ = interrupt.recv() => Ok(ExitCode::from(INTERRUPTED)),
        }
    });
    // Nothing that still runs is worth waiting for.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(command: Command, global: &Global) -> Result<ExitCode, Stop> {
    let out = output(global);
    let context = || Context::new(global);
    match command {
        Command::Explain(args) => commands::explain::run(args, out),
        Command::Completion(args) => commands::completion::run(args),
        Command::Man(args) => commands::man::run(args),
        Command::Version => commands::version::run(out),
        Command::Admin(args) => commands::admin::run(args, out).await,
        Command::Health(args) => commands::health::run(args, out).await,
        Command::Network(args) => commands::network::run(args, out),
        Command::Key(args) => commands::key::run(args, out),
        Command::Config(args) => commands::config::run(args, out),
        Command::Status => commands::status::run(&context()?).await,
        Command::Doctor => commands::doctor::run(&context()?).await,
        Command::Whoami => commands::whoami::run(&context()?).await,
        Command::Wait(args) => commands::wait::run(args, &context()?).await,
        Command::Ping(args) => commands::ping::run(args, &context()?).await,
        Command::Trace(args) => commands::trace::run(args, &context()?).await,
        Command::Path(args) => commands::path::run(args, &context()?).await,
        Command::Transports(args) => commands::transports::run(args, &context()?).await,
        Command::Routes(args) => commands::routes::run(args, &context()?).await,
        Command::Expose(args) => commands::expose::run(args, &context()?).await,
        Command::Connect(args) => commands::connect::run(args, &context()?).await,
        Command::Proxy(args) => commands::proxy::run(args, &context()?).await,
        Command::Up(_) | Command::Service(_) | Command::Demo(_) => {
            unreachable!("these were taken out before")
        }
    }
}

fn runtime() -> Result<Runtime, Problem> {
    let built = Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Problem::new(Code::Internal, "cannot start the runtime", error))
}

/// Tells a problem on standard error and gives its exit code.
pub(crate) fn fail(problem: &Problem, format: OutputFormat) -> ExitCode {
    let _unheard = writeln!(io::stderr(), "{}", render_problem(problem, format));
    ExitCode::from(problem.code.exit_code())
}
