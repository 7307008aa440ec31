use serde::{Deserialize, Serialize};

use flow_ir::Name;

use crate::Time;

/// Why a step or a run failed, as the language sees it: `{kind, message, step}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Failure {
    /// A built-in kind ([`Kind`]) or one of the program's own.
    pub kind: Name,
    /// For people; scrubbed of secrets.
    pub message: String,
    /// The coordinate of the step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<crate::Coordinate>,
    /// What the server asked to wait, as a point in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
    /// Whether something is missing where it ran, such as a server at that address, rather than wrong in what was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $name:literal)*) => {
        /// The built-in kinds of failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $variant),* }

        impl Kind {
            /// Every built-in kind.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            /// Returns its name in the language.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }

            /// Finds a built-in kind by its name.
            pub fn find(name: &str) -> Option<Kind> {
                Kind::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    /// No end within the time allowed.
    Timeout "timeout"
    /// The server asked to come back later.
    RateLimited "rate_limited"
    /// The model or the server refused: a content filter, a refusal, 401, 403.
    Refused "refused"
    /// The answer was cut at the output limit.
    Truncated "truncated"
    /// The answer isn't of the type, after all repairs.
    BadAnswer "bad_answer"
    /// A checked cast failed.
    BadShape "bad_shape"
    /// An error of an expression.
    BadValue "bad_value"
    /// A limit on turns, sizes or work was reached.
    Exhausted "exhausted"
    /// A budget was reached; can't be caught.
    Budget "budget"
    /// A person refused.
    Denied "denied"
    /// The server can't be reached, or answers with an error of its own.
    Unavailable "unavailable"
    /// A writer was sent and its outcome isn't known.
    Uncertain "uncertain"
    /// The program no longer takes the way that its journal tells; can't be caught.
    Diverged "diverged"
    /// The run was cancelled; can't be caught.
    Cancelled "cancelled"
    /// A tool answered with an error.
    ToolFailed "tool_failed"
    /// Code in a sandbox failed.
    CodeFailed "code_failed"
    /// A compensation failed.
    UndoFailed "undo_failed"
}

impl Kind {
    /// Whether another attempt may help: transport errors and rate limits.
    pub fn is_transient(self) -> bool {
        matches!(self, Kind::Timeout | Kind::RateLimited | Kind::Unavailable)
    }

    /// Whether `catch` sees it.
    pub fn can_be_caught(self) -> bool {
        !matches!(self, Kind::Budget | Kind::Cancelled | Kind::Diverged)
    }
}

impl Failure {
    /// Returns a failure of a built-in kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure {
            kind: Name::new_static(kind.name()),
            message: message.into(),
            step: None,
            retry_at: None,
            missing: false,
        }
    }

    /// Returns the failure of a call that met nobody: no server there, no name, no route.
    pub fn missing(message: impl Into<String>) -> Failure {
        Failure { missing: true, ..Failure::new(Kind::Unavailable, message) }
    }

    /// Returns the built-in kind, if it is one.
    pub fn built_in(&self) -> Option<Kind> {
        Kind::find(&self.kind)
    }
}
