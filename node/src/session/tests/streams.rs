//! How many streams a session takes.

use byway_base::limits::{SESSION_STREAMS, SESSION_STREAMS_FIRST};

use super::links::Pair;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_began_with_few_streams_takes_as_many_as_it_may() {
    let pair = Pair::new(1);
    let mut listener = pair.listen();
    let session = pair.session(&[0]).await;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    while near.len() < SESSION_STREAMS as usize {
        let (opened, accepted) = tokio::join!(session.open(), listener.accept());
        near.push(opened.unwrap());
        far.push(accepted.unwrap());
    }
    assert!(near.len() > 8 * SESSION_STREAMS_FIRST as usize);
    assert_eq!(session.users(), near.len());
}
