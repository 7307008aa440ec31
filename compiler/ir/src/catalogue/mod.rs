//! What is known about models and their providers, as data: prices, limits, what they can, where they stand.
//!
//! The table is a text in the binary, sorted by name and searched as it stands: nothing is read or parsed at a start.

mod claude;
mod features;
mod price;
mod providers;
mod table;

pub use claude::{Claude, ClaudeSilence, ClaudeThinking};
pub use features::{Feature, Lack, Support, WIRES, Wire, always_thinks, lacks, thinks_by_its_name};
pub use price::{LongPrice, Price, Tokens};
pub use providers::{PROVIDERS, Provider, is_loopback, provider};
pub use table::{Capability, Limits, Model, VERSION, model, models};

/// Returns the price that the table has for a model at its vendor; `None` if it has none.
pub fn price(provider: &str, model: &str) -> Option<Price> {
    table::model(provider, model)?.price
}

/// Returns what the table knows of a model's limits; empty for a model that it doesn't know.
pub fn limits(provider: &str, model: &str) -> Limits {
    table::model(provider, model).map(|model| model.limits).unwrap_or_default()
}

/// Returns the price of a call as it will be made.
///
/// `given` is the project's own price for `provider/model`; it wins. A `base_url` other than the vendor's has no known
/// price, but Ollama on this machine costs nothing.
///
/// ```
/// use flow_ir::catalogue::{Price, price_at};
/// assert_eq!(price_at("ollama", "llama3.2", None, None), Some(Price::FREE));
/// assert_eq!(price_at("openai", "gpt-4.1", Some("http://127.0.0.1:8090/v1"), None), None);
/// ```
pub fn price_at(provider: &str, model: &str, base_url: Option<&str>, given: Option<Price>) -> Option<Price> {
    if given.is_some() {
        return given;
    }
    let known = providers::provider(provider)?;
    let url = base_url.unwrap_or(known.base_url);
    if known.free_on_loopback && is_loopback(url) {
        return Some(Price::FREE);
    }
    known.is_vendor(url).then(|| price(known.name, model))?
}
