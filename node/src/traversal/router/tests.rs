//! Routers made of sockets on this machine.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::*;

const PORT: NonZeroU16 = NonZeroU16::new(40_000).unwrap();
const EXTERNAL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

/// What a router was asked for, in order.
type Asked = Arc<Mutex<Vec<String>>>;

fn asked(asked: &Asked) -> Vec<String> {
    std::mem::take(&mut *asked.lock())
}

/// A gateway that knows NAT-PMP and not its successor, at an address of loopback that no other test uses.
async fn nat_pmp() -> (Ipv4Addr, Asked) {
    let [a, b, c] = rand::random::<[u8; 3]>().map(|byte| byte % 250 + 1);
    let ip = Ipv4Addr::new(127, a, b, c);
    let (socket, log) = (UdpSocket::bind((ip, 5351)).await.unwrap(), Asked::default());
    let record = log.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 1_100];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let answer = match &buffer[..length] {
                [2, ..] => vec![0, 128, 0, 1, 0, 0, 0, 0],
                [0, 0] => [&[0, 128, 0, 0, 0, 0, 0, 9][..], &EXTERNAL.octets()].concat(),
                [0, 1, _, _, inner @ ..] => {
                    let lifetime = u32::from_be_bytes(inner[4..8].try_into().unwrap());
                    record.lock().push(format!("udp {lifetime}"));
                    // Another port than that which was wanted.
                    [&[0, 129, 0, 0, 0, 0, 0, 9][..], &inner[..2], &[0x30, 0x39], &inner[4..8]].concat()
                }
                _ => continue,
            };
            let _ = socket.send_to(&answer, from).await;
        }
    });
    (ip, log)
}

fn router(gateway: Option<Ipv4Addr>, search: SocketAddr) -> Router {
    Router { gateway, search, local: (Ipv4Addr::LOCALHOST, PORT) }
}

#[tokio::test]
async fn a_port_is_mapped_renewed_and_given_back_by_nat_pmp() {
    let (gateway, log) = nat_pmp().await;
    let mut lease = router(Some(gateway), ([127, 0, 0, 1], 9).into()).map().await.unwrap();
    assert_eq!(lease.external(), SocketAddr::from((EXTERNAL, 12_345)));
    assert_eq!((lease.protocol(), lease.renew_in()), ("NAT-PMP", LEASE / 2));
    lease.renew().await.unwrap();
    lease.release().await;
    assert_eq!(asked(&log), ["udp 3600", "udp 3600", "udp 0"]);
}

/// A router that knows UPnP: where it is searched for.
async fn upnp() -> (SocketAddr, Asked) {
    let (search, http) =
        (UdpSocket::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (at, location, log) = (search.local_addr().unwrap(), http.local_addr().unwrap(), Asked::default());
    tokio::spawn(async move {
        let mut buffer = [0; 1_100];
        while let Ok((_, from)) = search.recv_from(&mut buffer).await {
            let answer = format!("HTTP/1.1 200 OK\r\nLOCATION: http://{location}/device.xml\r\n\r\n");
            let _ = search.send_to(answer.as_bytes(), from).await;
        }
    });
    let record = log.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = http.accept().await {
            tokio::spawn(serve(stream, record.clone()));
        }
    });
    (at, log)
}

const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

async fn serve(mut stream: TcpStream, log: Asked) {
    let mut request = String::new();
    // Small requests whose end shows: an empty line, or the end of the envelope.
    while !(request.contains("Envelope>") || request.starts_with("GET") && request.contains("\r\n\r\n")) {
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => request.push_str(&String::from_utf8_lossy(&buffer[..count])),
            _ => return,
        }
    }
    let body = reply(&request, &log);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body).as_bytes()).await;
}

fn reply(request: &str, log: &Asked) -> String {
    let action = |name: &str, values: &str| {
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
             <u:{name}Response xmlns:u=\"{SERVICE}\">{values}</u:{name}Response></s:Body></s:Envelope>"
        )
    };
    if request.starts_with("GET /device.xml") {
        format!(
            "<root><device><serviceList><service><serviceType>{SERVICE}</serviceType>\
             <controlURL>/control</controlURL><SCPDURL>/actions.xml</SCPDURL></service></serviceList></device></root>"
        )
    } else if request.starts_with("GET /actions.xml") {
        let names =
            ["NewRemoteHost", "NewExternalPort", "NewProtocol", "NewInternalPort", "NewInternalClient"];
        let arguments: String = names
            .iter()
            .chain(&["NewEnabled", "NewPortMappingDescription", "NewLeaseDuration"])
            .map(|name| format!("<argument><name>{name}</name><direction>in</direction></argument>"))
            .collect();
        let actions: String = ["AddPortMapping", "DeletePortMapping"]
            .iter()
            .map(|name| {
                format!("<action><name>{name}</name><argumentList>{arguments}</argumentList></action>")
            })
            .collect();
        format!("<scpd><actionList>{actions}</actionList></scpd>")
    } else if request.contains("#GetExternalIPAddress") {
        action("GetExternalIPAddress", &format!("<NewExternalIPAddress>{EXTERNAL}</NewExternalIPAddress>"))
    } else if request.contains("#AddPortMapping") {
        let lease = request.contains(&format!("<NewLeaseDuration>{}</NewLeaseDuration>", LEASE.as_secs()));
        log.lock().push(format!("map for an hour: {lease}"));
        action("AddPortMapping", "")
    } else {
        log.lock().push("delete".to_owned());
        action("DeletePortMapping", "")
    }
}

#[tokio::test]
async fn a_router_without_pcp_and_nat_pmp_is_asked_by_upnp() {
    let (search, log) = upnp().await;
    let mut lease = router(None, search).map().await.unwrap();
    assert_eq!((lease.external().ip(), lease.protocol()), (EXTERNAL.into(), "UPnP"));
    lease.renew().await.unwrap();
    lease.release().await;
    assert_eq!(asked(&log), ["map for an hour: true", "map for an hour: true", "delete"]);
}

#[test]
fn the_default_gateway_is_the_one_of_the_least_metric() {
    let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\tFE01A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
        eth1\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
        tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0\n\
        broken\n";
    // Written on a machine with the little end first, as the kernel's table is.
    if cfg!(target_endian = "little") {
        assert_eq!(default_gateway(table), Some(Ipv4Addr::new(192, 168, 1, 1)));
    }
    assert_eq!(default_gateway(""), None);
}

#[test]
fn a_router_that_knows_no_public_address_maps_nothing() {
    for nowhere in ["0.0.0.0:1", "224.0.0.1:1", "203.0.113.7:0"] {
        assert!(usable(nowhere.parse().unwrap()).is_err(), "{nowhere}");
    }
}
