//! A route request turned into installed rules, or undone: a saga of named steps.
