//! A service as a list of endpoints, and the macro that declares one.

use std::marker::PhantomData;

use crate::Description;

/// A service: a name and its endpoints. Declared with [`service!`](macro@crate::service).
pub trait Service: Send + Sync + 'static {
    /// The service's name, as its folder's.
    const NAME: &'static str;
    /// What it is, in sentences.
    const SUMMARY: &'static str;
    /// Every endpoint as a value, in the order of the list.
    const ENDPOINTS: &'static [Description];
    /// Every endpoint as a type: `(Once<A>, (Watched<B>, (Fed<C>, … ())))`. What a server must handle follows from it.
    type Endpoints;
}

/// An endpoint that is answered once.
#[derive(Debug)]
pub struct Once<E>(PhantomData<E>);

/// An endpoint that is answered by a stream of events.
#[derive(Debug)]
pub struct Watched<E>(PhantomData<E>);

/// An endpoint that is answered in lines.
#[derive(Debug)]
pub struct Fed<E>(PhantomData<E>);

/// Declares a service and the types of its endpoints; one item per endpoint.
///
/// ```
/// # use byway_api::service;
/// service! {
///     /// Keeps notes.
///     pub Notes = "notes" {
///         /// Writes a note.
///         PutNote: PUT "/v1/notes/{id}", signed, path NotePath, body Note, reply Note, codes [Conflict];
///         /// Reads a note.
///         GetNote: GET "/v1/notes/{id}", open, path NotePath, reply Note, codes [NotFound];
///         /// Every note as it is written.
///         WatchNotes: GET "/v1/events", open, query Since, stream Note, codes [];
///         /// All notes there are.
///         GetNotes: GET "/v1/notes", open, lines Note, codes [];
///     }
/// }
/// # use serde::{Serialize, Deserialize};
/// # use schemars::JsonSchema;
/// # #[derive(Serialize, Deserialize, JsonSchema)] pub struct NotePath { pub id: u32 }
/// # #[derive(Serialize, Deserialize, JsonSchema)] pub struct Note { pub text: String }
/// # #[derive(Serialize, Deserialize, JsonSchema)] pub struct Since { pub since: Option<u64> }
/// ```
///
/// `path`, `query`, `body` and `reply` may be left out, in this order; then they are `()`. `stream T` takes the place
/// of `reply T` where the reply is a stream of events, `lines T` where it comes in lines. `codes` names variants of
/// [`byway_base::Code`]. `, audited` after them has each call written into the service's audit log.
#[macro_export]
macro_rules! service {
    (
        $(#[doc = $doc:literal])+
        $vis:vis $service:ident = $name:literal {
            $(
                $(#[doc = $summary:literal])+
                $endpoint:ident : $method:ident $path:literal, $auth:ident
                    $(, path $path_type:ty)? $(, query $query:ty)? $(, body $body:ty)?
                    $(, reply $reply:ty)? $(, stream $stream:ty)? $(, lines $lines:ty)?,
                    codes [$($code:ident),*] $(, $audited:ident)?;
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        $vis enum $service {}

        impl $crate::Service for $service {
            const NAME: &'static str = $name;
            const SUMMARY: &'static str = concat!($($doc),+);
            const ENDPOINTS: &'static [$crate::Description] = &[$( $crate::describe::<$endpoint>() ),+];
            type Endpoints = $crate::service!(@list $([$endpoint $(, stream $stream)? $(, lines $lines)?])+);
        }

        $(
            $(#[doc = $summary])+
            #[derive(Debug)]
            $vis enum $endpoint {}

            impl $crate::Endpoint for $endpoint {
                const NAME: &'static str = stringify!($endpoint);
                const METHOD: $crate::Method = $crate::service!(@method $method);
                const PATH: &'static str = $path;
                const SUMMARY: &'static str = concat!($($summary),+);
                const FORM: $crate::Form = $crate::service!(@form $(stream $stream)? $(lines $lines)?);
                const CODES: &'static [$crate::private::Code] = &[$($crate::private::Code::$code),*];
                const AUDITED: bool = $crate::service!(@audited $($audited)?);
                type Auth = $crate::service!(@auth $auth);
                type Path = $crate::service!(@or $($path_type)?);
                type Query = $crate::service!(@or $($query)?);
                type Request = $crate::service!(@or $($body)?);
                type Reply = $crate::service!(@or $($reply)? $($stream)? $($lines)?);
            }
        )+
    };
    (@method GET) => { $crate::Method::Get };
    (@method PUT) => { $crate::Method::Put };
    (@method POST) => { $crate::Method::Post };
    (@method DELETE) => { $crate::Method::Delete };
    (@audited) => { false };
    (@audited audited) => { true };
    (@auth open) => { $crate::Open };
    (@auth signed) => { $crate::Signed };
    (@form) => { $crate::Form::Whole };
    (@form stream $type:ty) => { $crate::Form::Events };
    (@form lines $type:ty) => { $crate::Form::Lines };
    (@or) => { () };
    (@or $type:ty) => { $type };
    (@list) => { () };
    (@list [$endpoint:ident] $($rest:tt)*) => { ($crate::Once<$endpoint>, $crate::service!(@list $($rest)*)) };
    (@list [$endpoint:ident, stream $stream:ty] $($rest:tt)*) => {
        ($crate::Watched<$endpoint>, $crate::service!(@list $($rest)*))
    };
    (@list [$endpoint:ident, lines $lines:ty] $($rest:tt)*) => {
        ($crate::Fed<$endpoint>, $crate::service!(@list $($rest)*))
    };
}
