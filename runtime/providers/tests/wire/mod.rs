//! What the tests know of each wire: how its server writes an answer. Each fault is tried on each of these.

#![allow(dead_code, reason = "not every test uses all of it")]

/// A wire, as its server speaks it.
pub struct Wire {
    /// For messages of tests.
    pub name: &'static str,
    /// The provider's name in programs.
    pub provider: &'static str,
    /// What a model's `api` has to say.
    pub api: Option<&'static str>,
    /// What follows the server's address in `base_url`.
    pub base: &'static str,
    /// Of a streamed answer.
    pub content_type: &'static str,
    /// What a streamed answer begins with, before its text.
    pub begin: &'static str,
    /// A piece of text, given as JSON.
    pub text: fn(&str) -> String,
    /// A call of the tool `f` without arguments.
    pub tool: &'static str,
    /// The end of an answer: the model was done, read 5 tokens and wrote 2.
    pub end: &'static str,
    /// An error inside an answer, with this message.
    pub error: fn(&str) -> String,
    /// Says that 5 tokens were read and 2 written, and is no end; empty where a wire says so at the end only.
    pub usage: &'static str,
    /// A list of the models `a` and `b`: where it is asked for, and what it is.
    pub models: (&'static str, &'static str),
}

pub const WIRES: &[Wire] = &[OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI, OLLAMA];

pub const OPENAI_CHAT: Wire = Wire {
    name: "openai chat",
    provider: "openai",
    api: Some("chat"),
    base: "/v1",
    content_type: "text/event-stream",
    begin: "",
    text: |json| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{json}}}}}]}}\n\n"),
    tool: "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\
           \"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n",
    end: "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
          data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n\
          data: [DONE]\n\n",
    error: |message| format!("data: {{\"error\":{{\"message\":\"{message}\",\"code\":500}}}}\n\n"),
    usage: "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
    models: ("GET /v1/models ", r#"{"data":[{"id":"a"},{"id":"b"}]}"#),
};

pub const OPENAI_RESPONSES: Wire = Wire {
    name: "openai responses",
    provider: "openai",
    api: Some("responses"),
    base: "/v1",
    content_type: "text/event-stream",
    begin: "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\"}}\n\n",
    text: |json| {
        format!(
            "event: response.output_text.delta\n\
             data: {{\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":{json}}}\n\n"
        )
    },
    tool: "data: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\
           \"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n",
    end: "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[],\
          \"usage\":{\"input_tokens\":5,\"output_tokens\":2}}}\n\n",
    error: |message| {
        format!("data: {{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"{message}\"}}\n\n")
    },
    usage: "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\
            \"message\":\"it fell over\"},\"usage\":{\"input_tokens\":5,\"output_tokens\":2}}}\n\n",
    models: ("GET /v1/models ", r#"{"data":[{"id":"a"},{"id":"b"}]}"#),
};

pub const OLLAMA: Wire = Wire {
    name: "ollama",
    provider: "ollama",
    api: None,
    base: "",
    content_type: "application/x-ndjson",
    begin: "",
    text: |json| format!("{{\"message\":{{\"content\":{json}}},\"done\":false}}\n"),
    tool: "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{}}}]},\"done\":false}\n",
    end: "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":5,\"eval_count\":2}\n",
    error: |message| format!("{{\"error\":\"{message}\"}}\n"),
    usage: "",
    models: ("GET /api/tags ", r#"{"models":[{"name":"a","size":1},{"name":"b"}]}"#),
};

pub const ANTHROPIC: Wire = Wire {
    name: "anthropic",
    provider: "anthropic",
    api: None,
    base: "",
    content_type: "text/event-stream",
    begin: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\
            \"role\":\"assistant\",\"content\":[],\"model\":\"m\"}}\n\n\
            event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
            \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    text: |json| {
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
             \"delta\":{{\"type\":\"text_delta\",\"text\":{json}}}}}\n\n"
        )
    },
    tool: "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":\
           {\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}}\n\n\
           event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    end: "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
          event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\
          \"usage\":{\"input_tokens\":5,\"output_tokens\":2}}\n\n\
          event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    error: |message| {
        let kind = if message.starts_with("Rate limit") { "rate_limit_error" } else { "api_error" };
        format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"{message}\"}}}}\n\n"
        )
    },
    usage: "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\
            \"usage\":{\"input_tokens\":5,\"output_tokens\":2}}\n\n",
    models: (
        "GET /v1/models",
        r#"{"data":[{"id":"a","type":"model"},{"id":"b","type":"model"}],"has_more":false}"#,
    ),
};

pub const GEMINI: Wire = Wire {
    name: "gemini",
    provider: "gemini",
    api: None,
    base: "",
    content_type: "text/event-stream",
    begin: "",
    text: |json| {
        format!(
            "data: {{\"candidates\":[{{\"index\":0,\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":{json}}}]}}}}]}}\r\n\r\n"
        )
    },
    tool: "data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":\
           {\"name\":\"f\",\"args\":{}}}]}}]}\r\n\r\n",
    end: "data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[]},\"finishReason\":\"STOP\"}],\
          \"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":2,\"totalTokenCount\":7}}\r\n\r\n",
    error: |message| {
        let (code, status) = match message.starts_with("Rate limit") {
            true => (429, "RESOURCE_EXHAUSTED"),
            false => (500, "INTERNAL"),
        };
        format!(
            "data: {{\"error\":{{\"code\":{code},\"message\":\"{message}\",\"status\":\"{status}\"}}}}\r\n\r\n"
        )
    },
    usage: "data: {\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":2,\"totalTokenCount\":7}}\r\n\r\n",
    models: ("GET /v1beta/models", r#"{"models":[{"name":"models/a"},{"name":"models/b"}]}"#),
};

impl Wire {
    /// The beginning of an answer with a text.
    pub fn piece(&self, text: &str) -> String {
        let json = serde_json::to_string(text).unwrap_or_default();
        format!("{}{}", self.begin, (self.text)(&json))
    }

    /// A whole answer.
    pub fn answer(&self, text: &str) -> String {
        format!("{}{}", self.piece(text), self.end)
    }
}
