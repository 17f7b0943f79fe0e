//! The whitelisted service that installs rules.
