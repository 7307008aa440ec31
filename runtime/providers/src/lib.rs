//! Clients of model providers.
