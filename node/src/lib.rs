//! Forwards packets by rules and carries sessions; runs on every member of the overlay.
