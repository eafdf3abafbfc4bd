//! Domain names as DNS writes them (RFC 1035, section 3.1), without compression: what router advertisements and DHCPv6 carry.
//!
//! A name is text here, labels with dots between them. Only names whose labels are letters, digits, hyphens and underscores are names.

const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;

/// The name on the wire; nothing, for a text that is no name. A dot at the end changes nothing.
pub(crate) fn encode(name: &str) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok()?;
        if !is_label(label.as_bytes()) {
            return None;
        }
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    (bytes.len() <= NAME_BYTES_MAX).then_some(bytes)
}

fn is_label(label: &[u8]) -> bool {
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.iter().all(is_sign)
}

/// The names that follow each other up to the end, or up to zeros that fill the space up; nothing, if one of them is no name.
pub(crate) fn decode_list(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while bytes.iter().any(|byte| *byte != 0) {
        let mut labels: Vec<&str> = Vec::new();
        let mut name_bytes = 1;
        loop {
            let (length, rest) = bytes.split_first()?;
            bytes = rest;
            if *length == 0 {
                break;
            }
            let (label, rest) = bytes.split_at_checked(usize::from(*length))?;
            name_bytes += label.len() + 1;
            if !is_label(label) || name_bytes > NAME_BYTES_MAX {
                return None;
            }
            labels.push(std::str::from_utf8(label).ok()?);
            bytes = rest;
        }
        if labels.is_empty() {
            return None;
        }
        names.push(labels.join("."));
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_come_back(names in prop::collection::vec("[a-z0-9_-]{1,20}(\\.[a-z0-9]{1,9}){0,4}", 0..5), padding in 0_usize..9) {
            let mut bytes: Vec<u8> = names.iter().flat_map(|name| encode(name).expect("a name")).collect();
            bytes.extend(vec![0; padding]);
            prop_assert_eq!(decode_list(&bytes), Some(names));
        }

        #[test]
        fn what_is_read_can_be_written(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            for name in decode_list(&bytes).unwrap_or_default() {
                prop_assert!(encode(&name).is_some(), "{}", name);
            }
        }
    }

    #[test]
    fn what_is_no_name_is_not_written() {
        for text in ["", ".", "a..b", "ä.example", "a b", &"x".repeat(64), &["x"; 130].join(".")] {
            assert_eq!(encode(text), None, "{text}");
        }
        assert_eq!(encode("a.bc."), Some(b"\x01a\x02bc\0".to_vec()));
        assert_eq!(decode_list(b"\x01a\0\0\x01b"), None, "zeros in the middle fill nothing up");
        assert_eq!(decode_list(b"\xc0\x0c"), None, "no compression");
    }
}
