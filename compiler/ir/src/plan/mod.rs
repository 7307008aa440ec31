//! Plans: a checked flow and all it reaches, as versioned, hashed data. A run is pinned to one.
//!
//! A flow's frame is an array of slots: parameters first, then every `let`, state and loop variable of the flow, each
//! with a slot of its own (numbered in written order, so that what a block declares is a contiguous range). Blocks stand
//! in an arena and are named by index; what leaves a block goes to the frame that it names.

mod agent;
mod expressions;
mod flow;
mod node;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::expr::Code;
use crate::{Name, TypeDefs};

pub use agent::*;
pub use flow::*;
pub use node::*;

/// The version of the form below. Version 1 knew fewer statements, so its plans are plans of this form, too; a plan of
/// another version is refused by name.
pub const VERSION: u32 = 2;

/// Whether this program runs plans of a version.
pub const fn is_known_version(version: u32) -> bool {
    matches!(version, 1 | VERSION)
}

/// The index of a block in its flow.
pub type BlockId = u32;
/// The index of a flow in the plan.
pub type FlowId = u32;
/// The index of a node in the plan.
pub type NodeId = u32;
/// The index of a model in the plan.
pub type ModelId = u32;

/// What a run executes: the started flow and everything it reaches, nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`VERSION`], or an older one that [`is_known_version`].
    pub version: u32,
    /// The started flow; it is flow 0.
    pub entry: Name,
    /// Named types, by a name that is unique in the plan.
    pub types: TypeDefs,
    /// Pure code.
    pub codes: Vec<Code>,
    /// Declared models.
    pub models: Vec<Model>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Flows.
    pub flows: Vec<Flow>,
    /// What the program may reach.
    pub allow: Vec<Grant>,
    /// Where things stand in the sources: for messages only, not part of the hash.
    #[serde(default)]
    pub places: Places,
}

/// Where things stand, for messages; keyed by coordinate without indices, `write_article/polish/text`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Places {
    /// `article.flow:31`, by the coordinate of the step with its indices blanked.
    pub steps: IndexMap<String, String>,
}

/// An entry of `allow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// `net("api.example.com")`: host, or host:port; `*.example.com` is every host beneath.
    Net(String),
    /// `secret("STRIPE_KEY")`.
    Secret(String),
    /// `fs.read("./data/**")`.
    Read(String),
    /// `fs.write("./out/**")`.
    Write(String),
    /// `exec("git")`.
    Exec(String),
    /// `mcp("jira")`.
    Mcp(String),
}

impl Plan {
    /// Returns the flow that is started.
    pub fn main(&self) -> &Flow {
        &self.flows[0]
    }

    /// Returns the SHA-256 of the canonical form, in hex: sorted keys, without places.
    pub fn hash(&self) -> String {
        crate::text::with_stack(|| {
            let mut json = serde_json::to_value(self).expect("a plan is plain data");
            json["places"] = serde_json::to_value(Places::default()).expect("places are plain data");
            hex(&Sha256::digest(canonical(&json).as_bytes()))
        })
    }
}

/// Writes JSON with sorted keys and no spaces: what is hashed must not depend on an order.
pub fn canonical(json: &serde_json::Value) -> String {
    fn write(json: &serde_json::Value, out: &mut String) {
        match json {
            serde_json::Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|entry| entry.0);
                out.push('{');
                for (index, (key, value)) in entries.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                    out.push(':');
                    write(value, out);
                }
                out.push('}');
            }
            serde_json::Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write(item, out);
                }
                out.push(']');
            }
            scalar => out.push_str(&scalar.to_string()),
        }
    }
    let mut out = String::new();
    write(json, &mut out);
    out
}

/// Writes bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
