//! The table of codes. A row is a code, its name, its severity; its page is `pages/CODE.md`, so a row without a page
//! doesn't compile. Numbers and names stay as they are once they have landed, and are never reused.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; the program runs.
    Warning,
    /// The program can't run.
    Error,
}

/// A row of the table of codes.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// `E0412`.
    pub code: &'static str,
    /// `non-exhaustive-route`.
    pub name: &'static str,
    /// Whether the program can run in spite of it.
    pub severity: Severity,
    /// The page that `flowc explain` prints: Markdown, with a wrong and a right program.
    pub page: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $severity:ident $name:literal $variant:ident)*) => {
        /// A diagnostic's code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $variant),* }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// Returns the row of the table.
            pub const fn info(self) -> &'static CodeInfo {
                match self {
                    $(Code::$variant => &CodeInfo {
                        code: stringify!($code),
                        name: $name,
                        severity: Severity::$severity,
                        page: include_str!(concat!("../pages/", stringify!($code), ".md")),
                    }),*
                }
            }

            /// Finds a code by its number or its name: `E0412` or `non-exhaustive-route`.
            pub fn find(text: &str) -> Option<Code> {
                Code::ALL.iter().copied().find(|code| {
                    let info = code.info();
                    info.code.eq_ignore_ascii_case(text) || info.name == text
                })
            }
        }
    };
}

codes! {
    // E01: syntax and templates.
    /// Something stands where the language expects something else.
    E0101 Error "unexpected-token" UnexpectedToken
    /// A bracket, string or splice is opened and never closed, or closed and never opened.
    E0102 Error "unclosed-delimiter" UnclosedDelimiter
    /// A backslash sequence that no string knows.
    E0103 Error "bad-escape" BadEscape
    /// More than 128 brackets inside each other, or another limit on nesting.
    E0104 Error "nesting-too-deep" NestingTooDeep
    /// A file, an expression or a chain over its limit.
    E0105 Error "too-large" TooLarge
    /// A file that isn't UTF-8 text.
    E0106 Error "not-text" NotText
    /// A template directive that is out of place or not closed.
    E0107 Error "bad-directive" BadDirective
    /// A doc comment that documents nothing.
    W0108 Warning "stray-doc" StrayDoc
    /// A number, duration or size that can't be read.
    E0109 Error "bad-number" BadNumber
    /// A comment where a division may have been meant: `a // 2`.
    W0110 Warning "comment-after-value" CommentAfterValue

    // E02: names and imports.
    /// A name that nothing in scope has.
    E0201 Error "unknown-name" UnknownName
    /// A type that isn't declared.
    E0202 Error "unknown-type" UnknownType
    /// A node or flow that isn't declared.
    E0203 Error "unknown-node" UnknownNode
    /// A model that isn't declared, or a provider that doesn't exist.
    E0204 Error "unknown-model" UnknownModel
    /// A field that the type doesn't have.
    E0205 Error "unknown-field" UnknownField
    /// The same name declared twice, or shadowed inside a flow.
    E0206 Error "duplicate-name" DuplicateName
    /// Files that import each other in a circle.
    E0207 Error "import-cycle" ImportCycle
    /// An import whose file or name doesn't exist or isn't importable.
    E0208 Error "bad-import" BadImport
    /// An import that nothing uses.
    W0209 Warning "unused-import" UnusedImport
    /// A `let`, parameter or state that nothing reads.
    W0210 Warning "unused-binding" UnusedBinding
    /// A node that nothing calls.
    W0211 Warning "unused-node" UnusedNode
    /// A function that the expression language doesn't have.
    E0212 Error "unknown-function" UnknownFunction

    // E03: types.
    /// A value of one type where another is needed.
    E0301 Error "type-mismatch" TypeMismatch
    /// A call without an argument it needs.
    E0302 Error "missing-argument" MissingArgument
    /// A call with an argument that isn't a parameter.
    E0303 Error "unknown-argument" UnknownArgument
    /// A record without a field it needs.
    E0304 Error "missing-field" MissingField
    /// A value that may be null where it must not be.
    E0305 Error "nullable-use" NullableUse
    /// Something that isn't a list or a map where one is walked.
    E0306 Error "not-iterable" NotIterable
    /// A refinement that its type doesn't have, or a constant outside of it.
    E0307 Error "bad-refinement" BadRefinement
    /// A range or limit that nothing can satisfy.
    E0308 Error "empty-range" EmptyRange
    /// A type that contains itself, or a union of what can't be told apart.
    E0309 Error "bad-type" BadType
    /// A constant expression whose evaluation fails.
    E0310 Error "bad-constant" BadConstant

    // E04: control flow.
    /// A loop, graph or walk without a limit.
    E0401 Error "unbounded-loop" UnboundedLoop
    /// A flow that calls itself, directly or through others.
    E0402 Error "recursive-flow" RecursiveFlow
    /// State that is read before it is surely assigned.
    E0403 Error "unassigned-state" UnassignedState
    /// An assignment to a name that is no state.
    E0404 Error "undeclared-assignment" UndeclaredAssignment
    /// An assignment to a `let`, a parameter, a field or an element.
    E0405 Error "immutable-assignment" ImmutableAssignment
    /// A call of a node or flow inside an expression.
    E0406 Error "effect-in-expression" EffectInExpression
    /// Two steps with one coordinate.
    E0407 Error "step-name-clash" StepNameClash
    /// Two branches that write one state without a merge.
    E0408 Error "parallel-write-race" ParallelWriteRace
    /// A branch that reads what a sibling writes.
    E0409 Error "reads-sibling-branch" ReadsSiblingBranch
    /// A way through a flow or a value block that ends without a value.
    E0410 Error "missing-return" MissingReturn
    /// `break`, `continue`, `yield`, `return` or `goto` where it can't leave.
    E0411 Error "jump-outside-block" JumpOutsideBlock
    /// A route that doesn't handle every value.
    E0412 Error "non-exhaustive-route" NonExhaustiveRoute
    /// An arm that can't be reached: its values are taken, or nothing fails with its kind.
    E0413 Error "unreachable-arm" UnreachableArm
    /// A step after one that always leaves.
    W0414 Warning "unreachable-step" UnreachableStep
    /// A merge rule that the state's type or place doesn't allow.
    E0415 Error "bad-merge-rule" BadMergeRule
    /// A `catch` of a kind that can't be caught.
    E0416 Error "unreachable-catch" UnreachableCatch
    /// `fail` with a kind that only the runtime raises.
    E0417 Error "bad-error-kind" BadErrorKind
    /// A `goto` outside of a graph, or to a stage of another one.
    E0418 Error "goto-outside-graph" GotoOutsideGraph
    /// A stage that can end without saying what comes next, or a graph that no stage leaves.
    E0419 Error "no-exit-from-stage" NoExitFromStage
    /// A stage that no `goto` leads to.
    W0420 Warning "unreachable-stage" UnreachableStage
    /// A tool that writes and isn't declared idempotent, as what an arm of a race waits for.
    E0421 Error "race-of-unsafe-writer" RaceOfUnsafeWriter
    /// An `undo` that no saga would run.
    E0422 Error "undo-outside-saga" UndoOutsideSaga
    /// An `undo` that follows no call, or calls nothing.
    E0423 Error "bad-compensation" BadCompensation
    /// A compensation that a crash may leave half done.
    W0424 Warning "unsafe-compensation" UnsafeCompensation
    /// A race of fewer than two arms, or of an arm that waits for nothing.
    E0425 Error "bad-race" BadRace

    // E05: node settings.
    /// A field that this kind of declaration doesn't have.
    E0501 Error "unknown-setting" UnknownSetting
    /// A field that this kind of declaration needs.
    E0502 Error "missing-setting" MissingSetting
    /// A field with a value it can't have.
    E0503 Error "bad-setting" BadSetting

    // E06: models, tools and agents.
    /// Something that the provider can't do.
    E0601 Error "unsupported-by-provider" UnsupportedByProvider
    /// A retry of a tool that writes and isn't declared idempotent.
    E0602 Error "retry-of-unsafe-writer" RetryOfUnsafeWriter
    /// A prompt without a model and no default.
    E0603 Error "no-model" NoModel
    /// An agent lists a tool that isn't declared, or that is no tool.
    E0604 Error "unknown-tool" UnknownTool
    /// An agent lists a node that doesn't say what it is for.
    W0605 Warning "undocumented-tool" UndocumentedTool

    // E07: authority, trust, secrets and budgets.
    /// A tool that reaches what `allow` doesn't list.
    E0701 Error "missing-authority" MissingAuthority
    /// An entry of `allow` that nothing needs.
    W0702 Warning "unused-authority" UnusedAuthority
    /// A secret outside the places where one may stand.
    E0703 Error "secret-leak" SecretLeak
    /// An argument that must be trusted, and is not.
    E0710 Error "untrusted-argument" UntrustedArgument

    // E08: tests and evals.
    /// A gate of an eval that depends on nothing measured, or on what can't be compared so.
    E0803 Error "bad-gate" BadGate

    // E09: project.
    /// A `flow.toml` that can't be read, or a key it doesn't have.
    E0901 Error "bad-project-file" BadProjectFile
    /// A flow that the started program needs and this version can't run.
    E0902 Error "not-runnable" NotRunnable
    /// `// lint-ok: unusd-node`
    W0903 Warning "unknown-lint" UnknownLint
    /// `// lint-ok: unused-node` before a node that is used.
    W0904 Warning "needless-lint-ok" NeedlessLintOk
}
