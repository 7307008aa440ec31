"""Projects of any size that use every form of the language, and their likes in BAML."""

import re

# Declarations that belong together; `N` becomes a name of its own. Files take parts in turn, so every form has its share.
PARTS = [
    # Types, prompts, a loop, a route over literals, pure code.
    '''/// The review of one text.
type ReviewN {
  score: int(1..5)
  verdict: "accept" | "revise"
  fixes: [string(..200)](..6)
}

prompt review_N(text: string) -> ReviewN {
  system: "You are a fair editor."
  user: """
    Review this.

    ${text}
    """
  repair: 2
}

prompt rewrite_N(text: string, fixes: [string]) -> string {
  user: "Rewrite: ${text}, minding ${fixes.join("; ")}"
}

code better_N(a: int, b: int) -> bool = a > b && (a - b > 1 || b < 3)

flow polish_N(topic: string(..200), rounds: int(1..5) = 3) -> {text: string, score: int} {
  state { text: string = topic  score: int = 1  log: [string] = [] }
  loop polish max rounds {
    let review = review_N(text)
    log += review.fixes
    break if better_N(review.score, score)
    route review.verdict {
      when "accept" => break
      when "revise" => text = rewrite_N(text, review.fixes)
    }
    score = review.score
  } else {
    score += log.size()
  }
  return {text: text, score: score}
}
''',
    # An enum, tagged unions, `is`, value routes, record update, a refinement, constants, a template with directives.
    '''enum KindN { billing bug how_to spam }

const limit_N: int = 3
const greetings_N = ["hello", "hi"]

type ShortN = string(..80) where it.size() > 2

/// What comes of a ticket.
type ActionN = ReplyN { text: string } | RefundN { cents: int(1..900), why: string? } | StopN {}

type TicketN {
  title: ShortN
  body: string
  kind: KindN
  tags: [string: int]
}

prompt sort_N(ticket: TicketN) -> ActionN {
  user: """
    ${greetings_N.join(", ")}: ${ticket.title}
    ${for tag, count in ticket.tags}
    - ${tag}: ${count}
    ${end}
    ${if ticket.kind == KindN.spam}
    Mind that it looks like spam.
    ${else}
    ${ticket.body}
    ${end}
    """
}

code worth_N(action: ActionN) -> int = route action {
  when RefundN{cents} if cents > limit_N => cents
  when RefundN => 1
  when ReplyN | StopN => 0
}

flow triage_N(ticket: TicketN) -> string {
  let action = sort_N({...ticket, kind: ticket.kind})
  let word = route ticket.kind {
    when billing => "bill"
    when bug | how_to => "help"
    when spam => return "spam"
  }
  return action.text if action is ReplyN
  return "${word} ${worth_N(action)}"
}
''',
    # Tools, authority, parallel work, catch arms, races, compensations.
    '''type ChargeN { id: string  cents: int(0..100000) }

tool charges_N(customer: string) -> trusted [ChargeN](..20) {
  get: "https://api.example.com/v1/charges"
  query: {customer: customer}
  timeout: 5s
}

tool pay_N(customer: string, cents: int) -> ChargeN {
  post: "https://api.example.com/v1/pay"
  body: {customer: customer, cents: cents}
  idempotent: by customer
}

tool undo_pay_N(customer: string) -> json {
  post: "https://api.example.com/v1/undo"
  body: {customer: customer}
  idempotent: by customer
}

event paid_N(customer: string) -> ChargeN {
  via: webhook("/paid_N")
  match: body.id == customer
  timeout: 1h
}

flow settle_N(customers: [string](..9)) -> int {
  state { sum: int = 0 merge sum }
  let all = parallel for customer in customers by customer jobs 3 {
    let found = charges_N(customer) catch {
      when timeout | rate_limited => []
      else => fail unpaid("no charges")
    }
    sum += found.size()
    yield found.map(c, c.cents).sum()
  }
  saga {
    for customer in customers {
      pay_N(customer, 5) undo undo_pay_N(customer)
    }
  }
  race {
    when let first = paid_N("a") => sum += first.cents
    when wait 10m => sum += 1
  }
  return sum + all.sum()
}
''',
    # A graph, state, try and finally, sub-flows, emit, on error.
    '''type ProgressN { step: string  done: float(0..1) }

prompt plan_N(goal: string) -> [string(..90)](1..4) {
  user: "Plan ${goal}."
}

prompt work_N(step: string, notes: [string]) -> string(..400) {
  user: "Do ${step}, knowing ${notes.join(" ")}."
  temperature: 0.2
}

flow steps_N(goal: string) -> [string] emits ProgressN {
  state { notes: [string] = []  next: int = 0 }
  let plan = plan_N(goal)
  graph walk max 12 {
    stage choose {
      break if next >= plan.size()
      goto act(plan[next])
    }
    stage act(step: string) {
      let note = work_N(step, notes)
      notes += [note]
      next += 1
      emit ProgressN{step: step, done: 0.5}
      goto choose
    }
  } else {
    fail not_done("too many steps for ${goal}")
  }
  try {
    let last = work_N("sum up", notes) with {timeout: 9s}
    notes += [last]
  } catch {
    when timeout => notes += ["no time"]
    else as e => notes += ["lost: ${e.kind}"]
  } finally {
    emit ProgressN{step: "end", done: 1.0}
  }
  return notes
  on error as e {
    emit ProgressN{step: "failed: ${e.kind}", done: 1.0}
  }
}
''',
    # Memory, people, an agent with bounded and bound tools.
    '''type FindingN { text: string  sure: float(0..1) }

memory seen_N: [string: int] = kv { scope: project }

/// Looks something up.
tool look_up_N(query: string) -> string {
  get: "https://api.example.com/search"
  query: {q: query}
}

/// Reads a page.
tool page_N(path: string, depth: int(1..3)) -> string {
  get: "https://api.example.com/page/${path}"
  query: {depth: depth}
}

agent search_N(question: string) -> FindingN {
  system: "You are careful."
  user: "${question}"
  tools: [look_up_N max 3, page_N(depth: 2)]
  max_turns: 5
  finish: "Answer now from what you have."
}

human approve_N(finding: FindingN) -> FindingN {
  message: "Is ${finding.text} right?"
  timeout: 8h
}

flow research_N(question: string) -> FindingN {
  let times = seen_N.get(question)
  fail again("${question} was asked ${times ?? 0} times") if (times ?? 0) > 3
  seen_N.put(question, (times ?? 0) + 1)
  parallel {
    let first = search_N(question)
    let second = do {
      let other = search_N("${question}, in other words") as other
      yield other.text
    }
  }
  let sure = {...first, text: "${first.text} ${second}"}
  let answer = approve_N(sure) catch sure
  return answer
}
''',
    # Tests, mocks, a variant, an eval, a trigger.
    '''type AnswerN { text: string(..300)  score: int(0..10) }

prompt ask_N(question: string, tone: string = "kind") -> AnswerN {
  system: "Be ${tone}."
  user: "${question}"
}

variant terse_N of ask_N { user: "Shortly: ${question} ${tone}" }

code clean_N(text: string) -> string {
  let words = text.split(" ").filter(w, w.size() > 0)
  return words.join(" ")
}

flow answer_N(question: string) -> AnswerN {
  let asked = clean_N(question)
  let answer = ask_N(asked)
  let again = do {
    yield answer if answer.score > 5
    let other = ask_N(asked, tone: "stern") as other
    yield other
  }
  return again
}

code grade_N(answer: AnswerN) -> float = answer.score > 5 ? 1.0 : 0.0

eval quality_N of answer_N {
  cases: "cases.jsonl"
  measure score = grade_N(out)
  gate "good enough" score.mean >= 0.5 else fail
}

test "answers N" {
  mock ask_N => AnswerN{text: "no", score: 1}
  mock ask_N => AnswerN{text: "yes", score: 9}
  let got = answer_N("why  not")
  expect got.text == "yes"
  expect calls(ask_N) == 2
}

trigger nightly_N = cron("0 6 * * 1") => answer_N("What is new?")
''',
]

# As many lines and about as many declarations as a part has: BAML knows types, functions that ask a model, and their tests.
BAML = """enum KindN {
  Billing
  Bug @description("a fault of ours")
  HowTo
  Spam
}

class TicketN {
  title string @description("up to 80 characters")
  body string
  kind KindN
  tags map<string, int>
}

class ReviewN {
  score int @description("from 1 to 5")
  verdict "accept" | "revise"
  fixes string[]
  note string?
}

function SortN(ticket: TicketN) -> KindN {
  client Local
  prompt #"
    {% for tag in ticket.tags %}
    - {{ tag }}
    {% endfor %}
    {% if ticket.title == "spam" %}It looks like spam.{% else %}{{ ticket.body }}{% endif %}
    {{ ctx.output_format }}
  "#
}

function JudgeN(text: string, strict: bool) -> ReviewN {
  client Local
  prompt #"
    {{ _.role("system") }}
    You are a fair editor. {% if strict %}Be strict.{% endif %}
    {{ _.role("user") }}
    Review this: {{ text }}
    {{ ctx.output_format }}
  "#
}

test JudgesN {
  functions [JudgeN]
  args {
    text "why not"
    strict true
  }
}
"""

BAML_CLIENT = """client<llm> Local {
  provider "openai-generic"
  options {
    base_url "http://localhost:11434/v1"
    model "llama3.2"
  }
}
"""


def named(part, number):
    """A part whose names end in a number."""
    part = re.sub(r"(?<=[a-z])N\b", f"X{number}", part)
    return re.sub(r"(?<=_)N\b|\bN\b", str(number), part)


def flow(folder, files):
    """A project of so many files of about 50 lines, in chains of eight imports. Returns its lines."""
    folder.mkdir(parents=True)
    (folder / "flow.toml").write_text('[project]\nname = "large"\nentry = "m0000.flow"\n\n[models]\ndefault = "ollama/llama3.2"\n')
    lines = 0
    for index in range(files):
        part = named(PARTS[index % len(PARTS)], index)
        chained = index % 8 > 0
        head = f'import {{ lead_{index - 1} }} from "./m{index - 1:04}.flow"\n\n' if chained else ""
        if "https://" in part:
            head += 'allow [net("api.example.com")]\n\n'
        body = f"  let before = lead_{index - 1}(topic)\n  return before + 1\n" if chained else "  return topic.size()\n"
        text = f"{head}{part}\nflow lead_{index}(topic: string) -> int {{\n{body}}}\n"
        lines += text.count("\n")
        (folder / f"m{index:04}.flow").write_text(text)
    return lines


def baml(folder, files):
    """The same in BAML. Returns its lines."""
    folder.mkdir(parents=True)
    (folder / "clients.baml").write_text(BAML_CLIENT)
    lines = BAML_CLIENT.count("\n")
    for index in range(files):
        text = named(BAML, index)
        lines += text.count("\n")
        (folder / f"m{index:04}.baml").write_text(text)
    return lines
