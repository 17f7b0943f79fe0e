//! Indices that must not be swapped.

macro_rules! index {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) usize);

        impl From<$name> for u64 {
            fn from(index: $name) -> Self {
                index.0 as Self
            }
        }
    };
}
index!(NodeIx, "A node of the world.");
index!(LinkIx, "A transport between two nodes, across all its lives.");
index!(SessionIx, "A session between two nodes.");
index!(SetupIx, "A setup node.");
