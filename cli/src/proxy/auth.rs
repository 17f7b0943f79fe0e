//! Who may use the proxy: everybody who can connect to it. A user name, if given, is a policy.

use byway_base::{Code, Problem};
use fast_socks5::{
    auth_method_enums,
    server::{
        AuthMethod, AuthMethodSuccessState, NoAuthentication, NoAuthenticationImpl, Socks5ServerProtocol,
        SocksServerError, states::Authenticated,
    },
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::choice::Choice;

/// Version of the user name's own small protocol (RFC 1929).
const VERSION: u8 = 1;
const ACCEPTED: u8 = 0;
const REJECTED: u8 = 0xff;

/// Why a client did not get as far as its request.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuthError {
    /// It broke off, or does not speak SOCKS5.
    #[error(transparent)]
    Socks(#[from] SocksServerError),
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
    /// Its user name is no policy.
    #[error("the user name is no policy: {0}")]
    Policy(Problem),
}

/// The method "user name and password" (RFC 1929) with lengths down to zero: a policy needs no password, and clients
/// that are given none send an empty one.
#[derive(Debug, Clone, Copy)]
struct PolicyName;

struct PolicyNameImpl<T>(T);

impl<T> AuthMethod<T> for PolicyName {
    type StartingState = PolicyNameImpl<T>;

    fn method_id(self) -> u8 {
        0x02
    }

    fn new(self, inner: T) -> PolicyNameImpl<T> {
        PolicyNameImpl(inner)
    }
}

impl<T> AuthMethodSuccessState<T> for PolicyNameImpl<T> {
    fn into_inner(self) -> T {
        self.0
    }
}

auth_method_enums! {
    enum Method / Started<T> {
        PolicyName(PolicyNameImpl<T>),
        NoAuthentication(NoAuthenticationImpl<T>),
    }
}

/// A client that offers a user name is asked for it.
const METHODS: &[Method] = &[Method::PolicyName(PolicyName), Method::NoAuthentication(NoAuthentication)];

/// Agrees on a method and reads the policy, if one is given.
pub(super) async fn authenticate<T>(
    stream: T,
) -> Result<(Socks5ServerProtocol<T, Authenticated>, Option<Choice>), AuthError>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    match Socks5ServerProtocol::start(stream).negotiate_auth(METHODS).await? {
        Started::NoAuthentication(state) => Ok((state.finish_auth(), None)),
        Started::PolicyName(mut state) => {
            let choice = read_policy(&mut state.0).await;
            let status = if choice.is_ok() { ACCEPTED } else { REJECTED };
            state.0.write_all(&[VERSION, status]).await?;
            Ok((state.finish_auth(), choice?))
        }
    }
}

async fn read_policy(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Choice>, AuthError> {
    let version = stream.read_u8().await?;
    let name = read_text(stream).await?;
    // There is nothing to protect with it.
    let _password = read_text(stream).await?;
    if version != VERSION {
        return Err(SocksServerError::UnsupportedSocksVersion(version).into());
    }
    let name = String::from_utf8(name).map_err(|_| {
        AuthError::Policy(Problem::new(Code::BadPolicy, "cannot read the policy", "it is no UTF-8"))
    })?;
    if name.is_empty() { Ok(None) } else { Choice::policy(&name).map(Some).map_err(AuthError::Policy) }
}

async fn read_text(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut text = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut text).await?;
    Ok(text)
}
