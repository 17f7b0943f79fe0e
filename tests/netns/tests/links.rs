//! Emulated links, with real packets of the kernel.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use byway_netns::{Lab, Link, Namespace, Plug, Rate, Reordering, Shape, lab_or_skip};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Packets under way at once in these tests; a socket's default buffer holds more.
const WINDOW: usize = 64;

/// Two namespaces, a link between them, and a UDP socket at each end.
struct Setup {
    link: Link,
    left: UdpSocket,
    right: UdpSocket,
    namespaces: [Namespace; 2],
    // Dropped last.
    _lab: Lab,
}

impl Setup {
    fn new(lab: Lab, forth: Shape, back: Shape) -> Self {
        let namespaces = ["left", "right"].map(|name| {
            let namespace = lab.namespace(name).unwrap();
            // The kernel's own packets would be counted with ours.
            namespace.sysctl("ipv6/conf/default/disable_ipv6", "1").unwrap();
            namespace
        });
        let [left, right] = &namespaces;
        let ends = (Plug::new(left, "wire", "10.0.0.1/24"), Plug::new(right, "wire", "10.0.0.2/24"));
        let link = Link::lay(ends.0, ends.1, [forth, back], 42).unwrap();
        let socket = |namespace: &Namespace, address: &str| {
            let socket = namespace.enter(|| UdpSocket::bind(address)).unwrap().unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let (left_socket, right_socket) = (socket(left, "10.0.0.1:1"), socket(right, "10.0.0.2:1"));
        left_socket.connect("10.0.0.2:1").unwrap();
        right_socket.connect("10.0.0.1:1").unwrap();
        Self { link, left: left_socket, right: right_socket, namespaces, _lab: lab }
    }

    /// Sends numbered packets from the left to the right and returns the numbers that came, in the order in which they
    /// came. How many of each handful arrive is known from the link, so that nothing is waited for in vain.
    fn numbers_sent_and_received(&self, count: u32) -> Vec<u32> {
        let mut came = Vec::new();
        let numbers: Vec<u32> = (0..count).collect();
        for handful in numbers.chunks(WINDOW) {
            for number in handful {
                self.left.send(&number.to_be_bytes()).unwrap();
            }
            let sent = u64::from(handful[handful.len() - 1]) + 1;
            let passed = self.passed_of(sent);
            while (came.len() as u64) < passed {
                let mut number = [0; 4];
                assert_eq!(self.right.recv(&mut number).unwrap(), 4);
                came.push(u32::from_be_bytes(number));
            }
        }
        came
    }

    /// Waits until the link has taken so many packets and tells how many of them it did not drop.
    fn passed_of(&self, sent: u64) -> u64 {
        let started = Instant::now();
        loop {
            let [forth, _] = self.link.tally();
            if forth.passed + forth.lost + forth.overflowed == sent {
                return forth.passed;
            }
            assert!(started.elapsed() < PATIENCE, "{forth:?} of {sent}");
            thread::yield_now();
        }
    }
}

fn delayed(millis: u64) -> Shape {
    Shape { delay: Duration::from_millis(millis), ..Shape::default() }
}

#[test]
fn all_packets_cross_a_link_without_loss_in_the_order_in_which_they_were_sent() {
    let Some(lab) = lab_or_skip() else { return };
    let setup = Setup::new(lab, delayed(5), delayed(5));
    assert_eq!(setup.numbers_sent_and_received(2_000), (0..2_000).collect::<Vec<_>>());
    assert_eq!(setup.link.overruns().unwrap(), 0);
}

#[test]
fn nothing_comes_back_before_it_has_travelled_both_ways() {
    let Some(lab) = lab_or_skip() else { return };
    let setup = Setup::new(lab, delayed(30), delayed(20));
    for _ in 0..5 {
        let sent = Instant::now();
        setup.left.send(b"there").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(setup.right.recv(&mut buffer).unwrap(), 5);
        assert!(sent.elapsed() >= Duration::from_millis(30));
        setup.right.send(b"back").unwrap();
        assert_eq!(setup.left.recv(&mut buffer).unwrap(), 4);
        assert!(sent.elapsed() >= Duration::from_millis(50));
    }
}

#[test]
fn a_lossy_link_loses_its_share_and_keeps_the_order_of_the_rest() {
    let Some(lab) = lab_or_skip() else { return };
    let setup = Setup::new(lab, Shape { loss: 0.05, ..Shape::default() }, Shape::default());
    let came = setup.numbers_sent_and_received(4_000);
    assert!(came.is_sorted(), "{came:?}");
    // 200 expected; six standard deviations are 83.
    assert!((117..=283).contains(&(4_000 - came.len())), "{} came", came.len());
    let [forth, back] = setup.link.tally();
    assert_eq!((forth.lost as usize, back.lost), (4_000 - came.len(), 0));
}

#[test]
fn a_link_that_reorders_delivers_everything_and_some_of_it_late() {
    let Some(lab) = lab_or_skip() else { return };
    let reordering = Some(Reordering { share: 0.1, late: Duration::from_millis(5) });
    let setup = Setup::new(lab, Shape { reordering, ..delayed(5) }, delayed(5));
    let mut came = setup.numbers_sent_and_received(2_000);
    let late = setup.link.tally()[0].late;
    assert!((100..=300).contains(&late), "{late}");
    assert!(!came.is_sorted());
    came.sort_unstable();
    assert_eq!(came, (0..2_000).collect::<Vec<_>>());
}

#[test]
fn a_rate_is_not_exceeded_and_what_its_queue_cannot_hold_is_dropped() {
    let Some(lab) = lab_or_skip() else { return };
    let rate = Rate { bits_per_second: 20_000_000, queue: Duration::from_millis(40) };
    let setup = Setup::new(lab, Shape { rate: Some(rate), ..Shape::default() }, Shape::default());
    let started = Instant::now();
    // As much as the queue holds thirty times over.
    for _ in 0..2_500 {
        setup.left.send(&[0; 1_200]).unwrap();
    }
    let passed = setup.passed_of(2_500);
    let within = started.elapsed() + rate.queue;
    let [forth, _] = setup.link.tally();
    let most = within.as_secs_f64() * rate.bits_per_second as f64 / 8.0 + 1_500.0;
    assert!((forth.bytes as f64) <= most, "{} bytes in {within:?}", forth.bytes);
    assert!(passed >= 80, "what fits into the queue passes: {passed}");
    assert!(forth.overflowed > 0, "{forth:?}");
}

#[test]
fn a_link_can_be_cut_and_healed() {
    let Some(lab) = lab_or_skip() else { return };
    let setup = Setup::new(lab, Shape::default(), Shape::default());
    let cut = Shape { loss: 1.0, ..Shape::default() };
    setup.link.reshape([cut, cut]);
    setup.left.send(b"lost").unwrap();
    assert_eq!(setup.passed_of(1), 0);
    setup.link.reshape([Shape::default(); 2]);
    setup.left.send(b"found").unwrap();
    let mut buffer = [0; 8];
    assert_eq!(setup.right.recv(&mut buffer).unwrap(), 5);
    assert_eq!(setup.link.tally()[0].lost, 1);
}

#[test]
fn a_tcp_stream_crosses_a_bad_link_byte_for_byte() {
    const BYTES: usize = 2_000_000;
    let Some(lab) = lab_or_skip() else { return };
    let reordering = Some(Reordering { share: 0.01, late: Duration::from_millis(2) });
    let rate = Some(Rate { bits_per_second: 200_000_000, queue: Duration::from_millis(20) });
    let bad = Shape { loss: 0.01, reordering, rate, ..delayed(2) };
    let setup = Setup::new(lab, bad, bad);
    let [left, right] = &setup.namespaces;
    let listener = right.enter(|| TcpListener::bind("10.0.0.2:80")).unwrap().unwrap();
    let content: Vec<u8> = (0..BYTES as u32 / 4).flat_map(u32::to_be_bytes).collect();
    let address: SocketAddr = listener.local_addr().unwrap();
    let came = thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut stream = listener.accept()?.0;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut came = Vec::new();
            stream.read_to_end(&mut came)?;
            io::Result::Ok(came)
        });
        let mut stream = left.enter(|| TcpStream::connect(address)).unwrap().unwrap();
        stream.write_all(&content).unwrap();
        drop(stream);
        receiver.join().unwrap().unwrap()
    });
    assert!(came == content, "{} bytes came", came.len());
    assert!(setup.link.tally()[0].lost > 0, "the link was bad");
}

#[test]
fn a_dropped_link_leaves_no_device() {
    let Some(lab) = lab_or_skip() else { return };
    let setup = Setup::new(lab, Shape::default(), Shape::default());
    let Setup { link, namespaces, _lab, .. } = setup;
    assert!(namespaces[0].ip("link show wire").is_ok());
    drop(link);
    for namespace in namespaces {
        assert!(namespace.ip("link show wire").is_err());
    }
}
