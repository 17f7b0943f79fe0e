//! How a program listens and dials through a node.
