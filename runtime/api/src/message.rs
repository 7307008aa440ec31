use serde::{Deserialize, Serialize};

/// A message of a conversation with a model: parts under a role. Users' text is only ever in parts, so it can't forge a
/// role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The program's instructions.
    System,
    /// The program's question.
    User,
    /// The model.
    Assistant,
    /// A tool's result.
    Tool,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text(String),
    /// An image, audio or file: media type and base64, or a URL.
    Media {
        /// `image/png`.
        mime: String,
        /// Base64 of the bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// Where the provider fetches it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// The model asks for a tool.
    ToolCall(crate::ToolCall),
    /// What the tool returned.
    ToolResult {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// Text or compact JSON.
        content: String,
        /// Whether it failed.
        #[serde(default)]
        failed: bool,
    },
    /// Something of a provider's own that must be sent back as it came: thinking blocks, reasoning items.
    Opaque {
        /// Whose.
        provider: String,
        /// What.
        json: serde_json::Value,
    },
}

impl Message {
    /// Returns a message of one text.
    pub fn text(role: Role, text: impl Into<String>) -> Message {
        Message { role, parts: vec![Part::Text(text.into())] }
    }
}
