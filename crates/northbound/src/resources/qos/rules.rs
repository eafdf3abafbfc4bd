//! The rules of policies: each is a part of its policy, and a change of it is one of the policy.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::rows;
use crate::auth::Context;
use crate::error::ApiError;
use crate::policy;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::registry::tables::qos::RuleType;
use crate::registry::{Kind, Resource};
use crate::replica::State;
use crate::write::{Decision, Draft};

/// Rules of one type, and how a request names them.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The policy; none where a request names the rule alone.
    pub policy: Option<&'a str>,
    /// The type.
    pub kind: RuleType,
    /// The declaration that the request is checked against.
    pub resource: &'static Resource,
}

impl Rules<'_> {
    /// The answer when there is no such rule.
    fn not_found(&self, id: &str) -> ApiError {
        let policy = self.policy.unwrap_or_default();
        let text = format!("QoS rule {id} for policy {policy} could not be found.");
        ApiError::new(404, "QosRuleNotFound", text)
    }

    /// The policy of a rule that a request names, as far as the requester may know of it.
    fn policy_of(&self, state: &State, context: &Context, id: &str) -> Result<Arc<Document>, ApiError> {
        let policy = match self.policy {
            Some(policy) => policy::known(state, context, Kind::QosPolicy, policy)?,
            None => {
                let term = format!("id={id}");
                let mut holders = state.rows(Kind::QosPolicy).with("rules", &term);
                let holder = holders.find(|(_, holder)| policy::may_see(state, context, &holder.document));
                holder.map(|(_, holder)| Arc::clone(&holder.document)).ok_or_else(|| self.not_found(id))?
            }
        };
        if self.place(&policy, id).is_none() { Err(self.not_found(id)) } else { Ok(policy) }
    }

    fn place(&self, policy: &Document, id: &str) -> Option<usize> {
        policy.list("rules").iter().position(|rule| {
            rule.get("id").and_then(Value::as_str) == Some(id) && type_of(rule) == Some(self.kind)
        })
    }

    /// The policy that rules are to be added to. Whether the requester may is asked before there is one: who may not is told so, also of a policy that
    /// they cannot see.
    fn policy_to_extend(&self, draft: &Draft<'_>) -> Result<Arc<Document>, ApiError> {
        let (state, id) = (draft.state(), self.policy.unwrap_or_default());
        match state.find(Kind::QosPolicy, id) {
            Some(policy) => self.enforce(draft, policy.document.project(), "create")?,
            None if !draft.context().may_manage() => self.enforce(draft, "", "create")?,
            None => {}
        }
        policy::known(state, draft.context(), Kind::QosPolicy, id)
    }

    /// Whether the requester may do this with rules of policies of a project.
    fn enforce(&self, draft: &Draft<'_>, project: &str, verb: &str) -> Result<(), ApiError> {
        let context = draft.context();
        if context.is_privileged() || (context.owns(project) && context.may_manage()) {
            return Ok(());
        }
        let noun = if self.policy.is_some() { "policy_" } else { "" };
        Err(ApiError::forbidden(format_args!("rule:{verb}_{noun}{}", self.resource.singular)))
    }

    /// Adds rules to a policy.
    ///
    /// # Errors
    /// When there is no such policy, or the rules and those that it has contradict each other.
    pub fn create(&self, draft: &mut Draft<'_>, said: &[(String, Said)]) -> Decision<Vec<Arc<Document>>> {
        let policy = self.policy_to_extend(draft)?;
        let mut changed = (*policy).clone();
        let mut created = Vec::with_capacity(said.len());
        for (id, said) in said {
            let head = json!({"id": id, "qos_policy_id": policy.id(), "type": self.kind.name()});
            let mut rule = head.as_object().cloned().unwrap_or_default();
            for parameter in self.kind.parameters() {
                rule.insert(parameter.name.to_owned(), said.or_default(parameter.name));
            }
            check_bandwidth(&changed, &rule)?;
            check_unlike_others(&changed, self.kind, &rule)?;
            let rule = Value::Object(rule);
            created.push(Arc::new(document(self.resource, &rule)));
            let mut rules = changed.list("rules").to_vec();
            rules.push(rule);
            changed.set("rules", rules);
        }
        put(draft, changed)?;
        Ok(created)
    }

    /// Changes a rule.
    ///
    /// # Errors
    /// When there is none, or it then contradicts others of its policy.
    pub fn change(&self, draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
        let policy = self.policy_of(draft.state(), draft.context(), id)?;
        self.enforce(draft, policy.project(), "update")?;
        let mut changed = (*policy).clone();
        let mut rules = changed.list("rules").to_vec();
        let place = self.place(&policy, id).and_then(|place| rules.get_mut(place));
        let Some(Value::Object(rule)) = place else {
            return Err(self.not_found(id).into());
        };
        let mut news = Map::new();
        for parameter in self.kind.parameters() {
            if let Some(value) = said.get(parameter.name) {
                news.insert(parameter.name.to_owned(), value.clone());
            }
        }
        check_bandwidth(&policy, &news)?;
        rule.extend(news);
        check_unlike_others(&policy, self.kind, rule)?;
        let shown = document(self.resource, &Value::Object(rule.clone()));
        changed.set("rules", rules);
        put(draft, changed)?;
        Ok(Arc::new(shown))
    }

    /// Takes a rule from its policy.
    ///
    /// # Errors
    /// When there is none.
    pub fn delete(&self, draft: &mut Draft<'_>, id: &str) -> Decision<()> {
        let policy = self.policy_of(draft.state(), draft.context(), id)?;
        self.enforce(draft, policy.project(), "delete")?;
        let mut changed = (*policy).clone();
        let mut rules = changed.list("rules").to_vec();
        rules.retain(|rule| rule.get("id").and_then(Value::as_str) != Some(id));
        changed.set("rules", rules);
        put(draft, changed)
    }

    /// A rule.
    ///
    /// # Errors
    /// When there is none that the requester may know of.
    pub fn show(&self, state: &State, context: &Context, id: &str) -> Result<Arc<Document>, ApiError> {
        let policy = self.policy_of(state, context, id)?;
        let rule = self.place(&policy, id).and_then(|place| policy.list("rules").get(place));
        rule.map(|rule| Arc::new(document(self.resource, rule))).ok_or_else(|| self.not_found(id))
    }

    /// All rules of the type that a policy has.
    ///
    /// # Errors
    /// When there is no such policy that the requester may know of.
    pub fn all(&self, state: &State, context: &Context) -> Result<Vec<Arc<Document>>, ApiError> {
        let policy = policy::known(state, context, Kind::QosPolicy, self.policy.unwrap_or_default())?;
        let own = policy.list("rules").iter().filter(|rule| type_of(rule) == Some(self.kind));
        Ok(own.map(|rule| Arc::new(document(self.resource, rule))).collect())
    }
}

/// The rules of a policy.
pub(super) fn of_policy<'a>(state: &'a State, policy: &str) -> &'a [Value] {
    state.find(Kind::QosPolicy, policy).map_or(&[], |entry| entry.document.list("rules"))
}

pub(super) fn type_of(rule: &Value) -> Option<RuleType> {
    RuleType::of_name(rule.get("type")?.as_str()?)
}

/// A rule as a resource.
fn document(resource: &'static Resource, rule: &Value) -> Document {
    let mut document = Document::new(resource);
    for attribute in resource.attributes.iter().filter(|attribute| attribute.is_visible) {
        if let Some(value) = rule.get(attribute.name) {
            document.set(attribute.name, value.clone());
        }
    }
    document
}

fn put(draft: &mut Draft<'_>, policy: Document) -> Decision<()> {
    let policy = draft.change(policy);
    rows::put_qos_policy(draft, &policy)
}

fn number(rule: &Map<String, Value>, name: &str) -> Option<u64> {
    rule.get(name).and_then(Value::as_u64)
}

/// What is asked for fits into what is allowed, of whatever direction: so says Neutron.
fn check_bandwidth(policy: &Document, said: &Map<String, Value>) -> Result<(), ApiError> {
    for rule in policy.list("rules") {
        let own = |name: &str| rule.get(name).and_then(Value::as_u64);
        let conflict = match type_of(rule) {
            Some(RuleType::MinimumBandwidth) => {
                own("min_kbps").zip(number(said, "max_kbps")).filter(|(existing, wanted)| existing > wanted)
            }
            Some(RuleType::BandwidthLimit) => {
                own("max_kbps").zip(number(said, "min_kbps")).filter(|(existing, wanted)| existing < wanted)
            }
            _ => None,
        };
        if let Some((existing, wanted)) = conflict {
            let text = format!(
                "Unable to add the rule with value {wanted} to the policy {} as the existing rule of type {} restricts \
                 the bandwidth to {existing}.",
                policy.id(),
                rule.get("type").and_then(Value::as_str).unwrap_or_default()
            );
            return Err(ApiError::new(409, "QoSRuleParameterConflict", text));
        }
    }
    Ok(())
}

/// A policy has one rule of a type and direction. A rule for packets of any direction leaves no room for one of either.
fn check_unlike_others(policy: &Document, kind: RuleType, said: &Map<String, Value>) -> Result<(), ApiError> {
    let is_any = |direction: Option<&Value>| direction.and_then(Value::as_str) == Some("any");
    let direction = said.get("direction");
    let is_like = |rule: &&Value| {
        let own = rule.get("direction");
        rule.get("id") != said.get("id")
            && type_of(rule) == Some(kind)
            && (own == direction || is_any(own) || is_any(direction))
    };
    let Some(other) = policy.list("rules").iter().find(is_like) else {
        return Ok(());
    };
    let text = format!(
        "Rule {} conflicts with rule {} which already exists in QoS Policy {}.",
        kind.name(),
        other.get("id").and_then(Value::as_str).unwrap_or_default(),
        policy.id()
    );
    Err(ApiError::new(409, "QoSRulesConflict", text))
}
