//! The macro that declares settings: struct, defaults and descriptions from one table.

/// Declares the settings of a service, or of one `[table]` of them.
///
/// Each field has a doc comment (it becomes help text and the sample file's comment), a type that implements
/// [`Setting`](crate::Setting), a default, and an example if there is no default to show. The struct derives `Debug`,
/// `Clone`, `PartialEq`, `Default`, serde's traits (unknown fields denied), and implements
/// [`ConfigKeys`](crate::ConfigKeys). The calling crate needs `serde`.
///
/// ```
/// byway_service_kit::settings! {
///     /// What a route finder can be told.
///     pub struct RawConfig {
///         /// Address on which path queries are answered.
///         pub listen: String = "127.0.0.1:9092".to_owned();
///         /// Name under which others reach the service.
///         pub public_url: Option<String> = None, example "https://routes.example.org";
///     }
/// }
/// assert_eq!(RawConfig::default().listen, "127.0.0.1:9092");
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$outer:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                pub $field:ident: $type:ty = $default:expr $(, example $example:literal)?;
            )*
        }
    ) => {
        $(#[$outer])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $vis struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::ConfigKeys for $name {
            fn keys() -> Vec<$crate::Key> {
                let mut keys = Vec::new();
                $( keys.extend($crate::Key::of_field::<$type>(
                    stringify!($field),
                    concat!($($doc, "\n"),+),
                    [$($example,)? ""].first().copied().filter(|text: &&str| !text.is_empty()),
                )); )*
                keys
            }
        }

        impl $crate::Setting for $name {
            const KIND: $crate::Kind = $crate::Kind::Table;

            fn table() -> Vec<$crate::Key> {
                <Self as $crate::ConfigKeys>::keys()
            }
        }
    };
}
