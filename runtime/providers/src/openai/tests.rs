use flow_runtime_api::{Message, Sampling, Schema, Scrubber};

use super::*;

fn chosen(base_url: Option<&str>, api: Option<&str>, call: &Call) -> Result<Api, String> {
    chosen_for("m", base_url, api, call)
}

fn chosen_for(name: &str, base_url: Option<&str>, api: Option<&str>, call: &Call) -> Result<Api, String> {
    let model = ResolvedModel {
        model: name.into(),
        base_url: base_url.map(str::to_owned),
        api: api.map(Into::into),
        ..ResolvedModel::default()
    };
    let scrubber = Scrubber::default();
    let peer = Peer::new(catalogue::provider("openai").unwrap(), &model, &scrubber);
    super::api(&peer, call).map_err(|failure| failure.message)
}

#[test]
fn the_vendor_is_asked_by_responses_and_others_by_chat() {
    let plain = Call::default();
    let local = Some("http://127.0.0.1:1/v1");
    assert_eq!(chosen(None, None, &plain), Ok(Api::Responses));
    assert_eq!(chosen(local, None, &plain), Ok(Api::Chat));
    assert_eq!(chosen(None, Some("chat"), &plain), Ok(Api::Chat));
    assert_eq!(chosen(local, Some("responses"), &plain), Ok(Api::Responses));
    assert!(chosen(None, Some("assistants"), &plain).unwrap_err().contains("`assistants`"));
}

#[test]
fn what_only_chat_takes_goes_there() {
    let sound = Part::Media { mime: "audio/wav".into(), data: Some("AA==".into()), url: None };
    let sampling = [
        Sampling { seed: Some(0), ..Sampling::default() },
        Sampling { stop: vec!["x".into()], ..Sampling::default() },
        Sampling { max_tokens: Some(15), ..Sampling::default() },
    ];
    let mut calls: Vec<Call> =
        sampling.into_iter().map(|sampling| Call { sampling, ..Call::default() }).collect();
    let messages = vec![Message { role: Role::User, parts: vec![sound] }];
    calls.push(Call { messages, ..Call::default() });
    for call in calls {
        assert_eq!(chosen(None, None, &call), Ok(Api::Chat), "{call:?}");
        let refused = chosen(None, Some("responses"), &call).unwrap_err();
        assert!(refused.contains("`api: chat`"), "{refused}");
    }
}

#[test]
fn a_model_that_knows_one_api_is_asked_by_it() {
    let seeded = Call { sampling: Sampling { seed: Some(1), ..Sampling::default() }, ..Call::default() };
    assert_eq!(chosen_for("gpt-4o-audio-preview", None, None, &Call::default()), Ok(Api::Chat));
    assert_eq!(chosen_for("gpt-4o-search-preview", None, None, &Call::default()), Ok(Api::Chat));
    assert_eq!(chosen_for("gpt-5-pro", None, None, &Call::default()), Ok(Api::Responses));
    assert!(chosen_for("gpt-5-pro", None, None, &seeded).unwrap_err().contains("`seed`"));
}

#[test]
fn a_model_without_schemas_is_told_in_words() {
    let call = Call {
        messages: vec![Message::text(Role::User, "hi")],
        schema: Some(Schema { name: "T".into(), json: json!({"type": "object", "title": "zebra"}) }),
        ..Call::default()
    };
    let scrubber = Scrubber::default();
    let spoken = |name: &str, base_url: Option<&str>| {
        let base_url = base_url.map(str::to_owned);
        let model = ResolvedModel { model: name.into(), base_url, ..ResolvedModel::default() };
        schema_in_words(&Peer::new(catalogue::provider("openai").unwrap(), &model, &scrubber), &call)
    };
    let told = spoken("gpt-3.5-turbo", None).unwrap();
    assert_eq!(told.schema, None);
    let [Part::Text(_), Part::Text(words)] = &told.messages[0].parts[..] else { panic!("{told:?}") };
    assert!(words.contains("zebra"), "{words}");
    assert_eq!(spoken("gpt-4.1", None), None);
    assert_eq!(spoken("brand-new", None), None);
    assert_eq!(spoken("gpt-3.5-turbo", Some("http://127.0.0.1:1/v1")), None);
}
