use super::*;

fn findings(code: &str) -> Vec<Finding> {
    check_file(&SourceFile { path: "a.rs".to_owned(), text: code.to_owned() })
}

#[test]
fn raw_numbers_are_found() {
    for code in [
        "Flow { table: 12, ..flow }",
        "Flow { priority: Some(100) }",
        "Flow { table: TableId(0) }",
        "Flow { cookie: Some(Cookie::new(0x1)) }",
        "flow.priority(100)",
        "flow.with_table(7)",
        "TableId(5)",
        "Priority::new(5)",
        "let table = 5;",
        "let next_table: u8 = 5;",
        "if table == 5 {}",
        "if flow.priority != 0 {}",
        "const ACL_PRIORITY: u16 = 100;",
        "const PRIORITY_DROP: u16 = 1;",
        "pub const COOKIE_MASK: u64 = 0xff;",
        "instructions.goto_table(9)",
        "actions.resubmit(None, 12)",
        "Flow::new(3, 100)",
        "Flow::new(tables::ACL, 100)",
        "flow.goto(4)",
        "Action::Resubmit(port, 12)",
        "Field::Reg3",
        "Field::XXReg0",
        "NXM_NX_REG12",
        "flow.set_reg(3, value)",
        "Field::Reg(3)",
        "\"table=12,actions=drop\"",
        "\"ip,priority=7\"",
        "\"cookie=0x5/-1\"",
        "\"actions=resubmit(,12)\"",
        "\"load:1->NXM_NX_X[],reg3=0x1\"",
        "\"move:xxreg0[]->xxreg1[]\"",
        "r#\"table=3\"#",
        "Flow {\n    table: // which\n        12,\n}",
    ] {
        assert_eq!(findings(code).len(), 1, "{code}: {:?}", findings(code));
    }
}

#[test]
fn names_and_other_numbers_are_not() {
    for code in [
        "Flow { table: tables::ACL, priority: band.at(rank) }",
        "flow.priority(band.base + rank)",
        "let table = pipeline::tables::INGRESS;",
        "fn set(table: u8, priority: u16, cookie: Cookie) {}",
        "struct Flow { table: TableId, cookie: u64 }",
        "const FLOW_TABLE_ENTRIES_MAX: usize = 100;",
        "const TABLE_BYTES_MAX: u32 = 100;",
        "let tables = 5;",
        "let entries = 12; // in table 7, priority=3",
        "regulate(3)",
        "region5",
        "Regex::new(pattern)",
        "let register_count = 16;",
        "\"table={table},priority={priority}\"",
        "\"the routing table of 3 hosts\"",
        "\"reg\"",
        "resubmit(port, tables::ACL)",
        "retry(3)",
        "Flow::new(tables::ACL, band.rank(3))",
        "flow.goto(tables::ACL)",
        "FlowSet::new(3)",
        "if table == tables::ACL && count == 5 {}",
        "#[cfg(test)]\nmod tests {\n    const T: Flow = Flow { table: 12 };\n}",
    ] {
        assert!(findings(code).is_empty(), "{code}: {:?}", findings(code));
    }
}

#[test]
fn the_place_and_the_remedy_are_named() {
    let findings = findings("fn f() {\n    flow.priority(100)\n}\n");
    let expected = "the number 100 for `priority`: name it in the crate `pipeline`";
    assert_eq!(findings, [Finding::in_line("a.rs", 2, expected)]);
}

#[test]
fn names_fall_into_words() {
    for name in ["aclTable", "ACL_TABLE", "acl_table", "AclTable", "_acl__table"] {
        assert_eq!(words(name), ["acl", "table"], "{name}");
    }
}
