use proptest::prelude::*;

use super::*;
use crate::ini;
use crate::layers::Layer;
use crate::load::find_option;

fn expand(files: &str, text: &str) -> Result<String, String> {
    let mut layers = Layers::default();
    layers.push(Layer::from_entries("test", ini::parse(files).entries));
    Substitution { layers: &layers, host_name: "compute-1", declared: find_option }.expand(text, "df")
}

#[test]
fn references_are_replaced() {
    let files = "[DEFAULT]\nmy_ip = 10.0.0.9\nboth = default\n[df]\nlocal_ip = $my_ip\nboth = df\n\
                 enable_df_pub_sub = yes\n[df_metadata]\nport = 007\n[other]\nx = ${df.local_ip}-$DEFAULT.my_ip\n";
    let cases = [
        ("no reference", "no reference"),
        ("$local_ip", "10.0.0.9"),
        ("${local_ip}", "10.0.0.9"),
        ("a${local_ip}b", "a10.0.0.9b"),
        ("$local_ip:$remote_db_port", "10.0.0.9:4001"),
        ("$both", "df"),
        ("$my_ip", "10.0.0.9"),
        ("$host", "compute-1"),
        ("$other.x", "10.0.0.9-10.0.0.9"),
        ("${df_metadata.port}", "7"),
        ("${DF_metadata.port}", "7"),
        ("$enable_df_pub_sub", "True"),
        ("<$external_host_ip>", "<>"),
        ("$publishers_ips", "10.0.0.9"),
    ];
    for (text, expanded) in cases {
        assert_eq!(expand(files, text), Ok(expanded.to_owned()), "{text:?}");
    }
}

#[test]
fn dollar_signs_that_are_none() {
    let cases = [
        ("$$local_ip", "$local_ip"),
        (r"\$local_ip", "$local_ip"),
        (r"\$$local_ip", "$127.0.0.1"),
        ("$$$local_ip", "$127.0.0.1"),
        ("$", "$"),
        ("a$", "a$"),
        ("$1", "$1"),
        ("$ a", "$ a"),
        ("${}", "${}"),
        ("${local_ip", "${local_ip"),
        ("${local ip}", "${local ip}"),
        (r"\", r"\"),
        (r"$\$", "$$"),
        (r"\\$a", r"\$a"),
        (r"$\$local_ip", "$127.0.0.1"),
    ];
    for (text, expanded) in cases {
        assert_eq!(expand("", text), Ok(expanded.to_owned()), "{text:?}");
    }
}

#[test]
fn references_that_lead_nowhere_are_errors() {
    for text in
        ["$nothing", "${nothing}", "$df.nothing", "$nosection.local_ip", "$local_ip.", "${other.my_ip}"]
    {
        let reason = expand("[DEFAULT]\nmy_ip = 1\n", text).unwrap_err();
        assert!(reason.contains("leads nowhere") && reason.contains("$$"), "{text}: {reason}");
    }
}

#[test]
fn circles_and_long_chains_are_errors() {
    let reason = expand("[df]\na = $b\nb = $c\nc = $a\n", "$a").unwrap_err();
    assert_eq!(reason, "$df.a leads back to itself: df.a -> df.b -> df.c -> df.a");
    assert!(expand("[df]\nlocal_ip = $local_ip\n", "$local_ip").unwrap_err().contains("back to itself"));
    let chain: String = (0..=DEPTH_MAX).map(|i| format!("x{i} = $x{}\n", i + 1)).collect();
    let reason = expand(&format!("[df]\n{chain}"), "$x0").unwrap_err();
    assert!(reason.contains("from one to the next"), "{reason}");
}

#[test]
fn what_one_value_can_cost_is_limited() {
    // Ten references to ten references to ... with text in the end, and with none.
    for end in ["x", ""] {
        let mut files = format!("[df]\nx0 = {end}\n");
        for level in 1..DEPTH_MAX {
            files.push_str(&format!("x{level} = {}\n", format!("$x{} ", level - 1).repeat(10)));
        }
        let reason = expand(&files, &format!("$x{}", DEPTH_MAX - 1)).unwrap_err();
        assert!(reason.contains("references"), "{reason}");
    }
    let files = format!("[df]\nbig = {}\n", "x".repeat(VALUE_BYTES_MAX));
    assert_eq!(expand(&files, "$big").map(|text| text.len()), Ok(VALUE_BYTES_MAX));
    assert!(expand(&files, "$big$big").unwrap_err().contains("bytes"));
}

proptest! {
    #[test]
    fn what_is_escaped_means_itself(text in "([$a.{} ]|\\PC){0,32}") {
        prop_assume!(!text.contains(r"\$"));
        prop_assert_eq!(expand("", &escape(&text)), Ok(text));
    }

    #[test]
    fn any_text_is_harmless(text in "([$\\\\a._{}]|local_ip){0,32}") {
        let _ = expand("[df]\na = $local_ip\n", &text);
    }
}
