//! The one task that sends and takes STUN on the node's UDP socket: surveys and attempts take their turns there.

use std::net::SocketAddr;

use byway_base::{Moment, limits::TRAVERSALS_AT_ONCE};
use byway_net::quic::udp::{SideChannel, SideReceiver};
use byway_traversal::{Attempt, Failure, Reachability, Survey};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::until;

/// What others want of the task. Bounded: who asks waits.
const COMMANDS: usize = 16;

/// The task, for those who want something of it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Socket {
    commands: mpsc::Sender<Command>,
    origin: Instant,
}

enum Command {
    Survey(Survey, oneshot::Sender<Reachability>),
    Attempt(Box<Attempt>, oneshot::Sender<Outcome>),
}

/// From where the peer answers, or why it does not.
pub(super) type Outcome = Result<SocketAddr, Failure>;

impl Socket {
    /// The task to run, and the way to ask it. It ends with the socket.
    pub(super) fn new(
        sender: SideChannel,
        receiver: SideReceiver,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (commands, wanted) = mpsc::channel(COMMANDS);
        let origin = Instant::now();
        let task = Task { sender, origin, survey: None, attempts: Vec::new() };
        (Self { commands, origin }, task.run(receiver, wanted))
    }

    /// The present on the clock of the task.
    pub(super) fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    /// Asks servers where this socket appears. One survey at a time: a new one ends the one before, whose result is none.
    /// `local` are this node's own addresses.
    pub(super) async fn survey(&self, servers: &[SocketAddr], local: &[SocketAddr]) -> Option<Reachability> {
        let (done, result) = oneshot::channel();
        let survey = Survey::new(servers, local, rand::random(), self.now());
        self.commands.send(Command::Survey(survey, done)).await.ok()?;
        result.await.ok()
    }

    /// Carries an attempt out. None if the socket is gone or there are too many.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    pub(super) async fn attempt(&self, attempt: Attempt) -> Option<Outcome> {
        let (done, result) = oneshot::channel();
        self.commands.send(Command::Attempt(Box::new(attempt), done)).await.ok()?;
        result.await.ok()
    }
}

struct Task {
    sender: SideChannel,
    origin: Instant,
    survey: Option<(Survey, oneshot::Sender<Reachability>)>,
    attempts: Vec<Running>,
}

/// After its outcome an attempt goes on for a while, so that the peer comes to the same one.
struct Running {
    attempt: Box<Attempt>,
    done: Option<oneshot::Sender<Outcome>>,
}

impl Task {
    async fn run(mut self, mut receiver: SideReceiver, mut wanted: mpsc::Receiver<Command>) {
        loop {
            let now = Moment::from_origin(self.origin.elapsed());
            self.transmit(now);
            self.tell();
            let due = self.timeout().map(|due| self.origin + due.since_origin());
            tokio::select! {
                () = until(due) => {}
                received = receiver.recv() => match received {
                    Some((from, datagram)) => self.handle(from, &datagram),
                    None => return,
                },
                command = wanted.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Survey(survey, done) => self.survey = Some((survey, done)),
            Command::Attempt(attempt, done) if self.attempts.len() < 2 * TRAVERSALS_AT_ONCE => {
                self.attempts.push(Running { attempt, done: Some(done) });
            }
            Command::Attempt(..) => {}
        }
    }

    fn handle(&mut self, from: SocketAddr, datagram: &[u8]) {
        let now = Moment::from_origin(self.origin.elapsed());
        let taken = self.survey.as_mut().is_some_and(|(survey, _)| survey.handle(from, datagram, now));
        if !taken {
            // What belongs to none of them came too late, or from a stranger.
            let _ = self.attempts.iter_mut().any(|running| running.attempt.handle(from, datagram, now));
        }
    }

    fn transmit(&mut self, now: Moment) {
        // What cannot be sent is lost, as on any network.
        let send = |(to, datagram): (SocketAddr, Vec<u8>)| _ = self.sender.send(to, &datagram);
        if let Some((survey, _)) = &mut self.survey {
            std::iter::from_fn(|| survey.poll_transmit(now)).for_each(send);
        }
        for running in &mut self.attempts {
            std::iter::from_fn(|| running.attempt.poll_transmit(now)).for_each(send);
        }
    }

    /// Tells outcomes to those who wait for them, and forgets what nobody waits for.
    fn tell(&mut self) {
        if let Some((survey, done)) =
            self.survey.take_if(|(survey, done)| survey.is_over() || done.is_closed())
        {
            let _ = done.send(survey.result());
        }
        for running in &mut self.attempts {
            if let Some(outcome) = running.attempt.outcome()
                && let Some(done) = running.done.take()
            {
                let _ = done.send(outcome);
            }
        }
        self.attempts.retain(|running| match &running.done {
            Some(done) => !done.is_closed(),
            None => !running.attempt.is_over(),
        });
    }

    fn timeout(&self) -> Option<Moment> {
        let survey = self.survey.as_ref().and_then(|(survey, _)| survey.poll_timeout());
        let attempts = self.attempts.iter().filter_map(|running| running.attempt.poll_timeout());
        survey.into_iter().chain(attempts).min()
    }
}
