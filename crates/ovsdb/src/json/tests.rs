use super::*;
use proptest::prelude::*;

fn frames(limits: FrameLimits, chunks: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
    let mut framer = Framer::new(limits);
    let mut found = Vec::new();
    for chunk in chunks {
        let mut input = *chunk;
        while let Some(frame) = framer.feed(&mut input)? {
            found.push(frame);
        }
        assert!(input.is_empty(), "feed returned None with input left");
    }
    Ok(found)
}

#[test]
fn messages_may_touch_or_be_spaced() {
    let found = frames(FrameLimits::default(), &[b"{\"a\":1}{\"b\":[2]} \r\n\t{}"]).unwrap();
    let texts: Vec<&[u8]> = found.iter().map(Frame::text).collect();
    assert_eq!(texts, [b"{\"a\":1}".as_slice(), b"{\"b\":[2]}", b"{}"]);
    assert_eq!(found.iter().map(|frame| frame.offset).collect::<Vec<_>>(), [0, 7, 20]);
}

#[test]
fn brackets_inside_strings_do_not_count() {
    let text = br#"{"a":"}]\"}{\\","b":{}}"#;
    let found = frames(FrameLimits::default(), &[text]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].parse().unwrap()["a"], "}]\"}{\\");
}

#[test]
fn garbage_between_messages_is_refused_with_its_offset() {
    let error = frames(FrameLimits::default(), &[b"{}  x{}"]).unwrap_err();
    assert_eq!(error, FrameError::NotAnObject { offset: 4, byte: b'x' });
}

#[test]
fn an_endless_message_is_refused_at_the_limit_and_not_held() {
    let limits = FrameLimits { max_message_bytes: 1000, ..FrameLimits::default() };
    let mut framer = Framer::new(limits);
    let mut first: &[u8] = b"{\"a\":\"";
    assert_eq!(framer.feed(&mut first).unwrap(), None);
    let chunk = [b'x'; 300];
    let error = loop {
        let mut input = chunk.as_slice();
        match framer.feed(&mut input) {
            Ok(frame) => assert_eq!(frame, None),
            Err(error) => break error,
        }
        assert!(framer.partial.len() <= 1000);
    };
    assert_eq!(error, FrameError::TooLong { offset: 1000, limit: 1000 });
}

#[test]
fn a_message_of_exactly_the_limit_passes() {
    let limits = FrameLimits { max_message_bytes: 7, ..FrameLimits::default() };
    assert_eq!(frames(limits, &[b"{\"a\":1}"]).unwrap().len(), 1);
    assert!(frames(limits, &[b"{\"a\":12}"]).is_err());
}

#[test]
fn deep_nesting_is_refused_before_it_is_parsed() {
    let mut text = b"{\"a\":".to_vec();
    text.extend(std::iter::repeat_n(b'[', 1_000_000));
    let error = frames(FrameLimits::default(), &[&text]).unwrap_err();
    assert_eq!(error, FrameError::TooDeep { offset: 68, limit: 64 });
}

#[test]
fn the_default_limits_are_a_small_multiple_of_a_message() {
    let limits = FrameLimits::default();
    assert!(limits.max_parsed_bytes <= 8 * limits.max_message_bytes);
    let bomb = format!(r#"{{"":[{}]}}"#, vec![r#"{"":0}"#; 4 << 20].join(","));
    let error = frames(limits, &[bomb.as_bytes()]).unwrap_err();
    assert!(matches!(error, FrameError::TooLarge { .. }), "{error}");
}

#[test]
fn a_message_that_grows_when_parsed_is_refused() {
    let limits = FrameLimits { max_parsed_bytes: 10_000, ..FrameLimits::default() };
    for element in ["0", "[]", "{}", r#"{"":0}"#, r#""a""#, r#""\"\\""#] {
        let text = format!("{{\"a\":[{}]}}", vec![element; 200].join(","));
        let error = frames(limits, &[text.as_bytes()]).unwrap_err();
        assert!(matches!(error, FrameError::TooLarge { limit: 10_000, .. }), "{element}: {error}");
    }
    // Each message has the whole of it.
    let small = format!("{{\"a\":[{}]}}", vec!["0"; 50].join(","));
    assert_eq!(frames(limits, &[small.repeat(100).as_bytes()]).unwrap().len(), 100);
}

#[test]
fn syntax_errors_carry_the_stream_offset() {
    let found = frames(FrameLimits::default(), &[b"{}\n{\"a\":\n\n  tru}"]).unwrap();
    let error = found[1].parse().unwrap_err();
    let FrameError::Syntax { offset, .. } = error else { panic!("{error}") };
    assert_eq!(offset, 15, "{error}");
}

#[test]
fn mismatched_brackets_end_the_frame_and_fail_to_parse() {
    let found = frames(FrameLimits::default(), &[b"{\"a\":[}]"]).unwrap();
    assert!(found[0].parse().is_err());
}

proptest! {
    #[test]
    fn cutting_the_stream_anywhere_changes_nothing(
        bodies in proptest::collection::vec("[ -~]{0,20}", 1..5),
        cut in 0usize..200,
    ) {
        let messages: Vec<Value> = bodies.iter().map(|body| serde_json::json!({"s": body, "n": [1, {}]})).collect();
        let text: Vec<u8> = messages.iter().flat_map(|message| message.to_string().into_bytes()).collect();
        let (head, tail) = text.split_at(cut.min(text.len()));
        let found = frames(FrameLimits::default(), &[head, tail]).unwrap();
        let parsed: Vec<Value> = found.iter().map(|frame| frame.parse().unwrap()).collect();
        prop_assert_eq!(parsed, messages);
    }

    #[test]
    fn arbitrary_bytes_never_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..8)) {
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        if let Ok(found) = frames(FrameLimits::default(), &chunks) {
            for frame in found {
                let _ = frame.parse();
            }
        }
    }
}
