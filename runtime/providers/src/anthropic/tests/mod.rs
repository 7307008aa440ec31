mod incoming;
mod request;
