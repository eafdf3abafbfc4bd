//! Reports in words.

use std::fmt::{self, Display, Formatter};

use crate::report::{About, End, Event, Report, Step, TableStep, Verdict, Visit};
use crate::walk::{about_words, by};

const INDENT: &str = "  ";

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} sends {}", self.from, self.packet)?;
        for visit in &self.visits {
            write!(f, "\n{visit}")?;
        }
        write!(f, "\n{}", self.verdict)
    }
}

impl Display for Visit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let flows = if self.is_live { ", by the flows that its switch holds" } else { "" };
        writeln!(f, "host {}: {}{flows}", self.host, self.entered)?;
        for remark in &self.remarks {
            writeln!(f, "{INDENT}! {remark}")?;
        }
        for step in &self.steps {
            write!(f, "{step}")?;
        }
        for end in &self.ends {
            writeln!(f, "{INDENT}=> {end}")?;
        }
        Ok(())
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let indent = INDENT.repeat(self.depth + 1);
        match &self.event {
            Event::Did(text) => writeln!(f, "{indent}{text}"),
            Event::Table(step) => step.print(f, &indent),
        }
    }
}

impl TableStep {
    fn print(&self, f: &mut Formatter<'_>, indent: &str) -> fmt::Result {
        writeln!(f, "{indent}table {} ({}): {}", self.table, self.name, self.purpose)?;
        let Some(flow) = &self.flow else { return writeln!(f, "{indent}{INDENT}no flow matches") };
        writeln!(f, "{indent}{INDENT}{flow}")?;
        if !self.matched.is_empty() {
            writeln!(f, "{indent}{INDENT}where {}", self.matched.join("; "))?;
        }
        for maker in &self.makers {
            let one = by(std::slice::from_ref(maker));
            writeln!(f, "{indent}{INDENT}made by{one}, cookie {}", maker.cookie)?;
        }
        for clause in &self.clauses {
            writeln!(f, "{indent}{INDENT}clause {}: {}{}", clause.clause, clause.flow, by(&clause.makers))?;
        }
        Ok(())
    }
}

impl Display for End {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { port, changes } if changes.is_empty() => write!(f, "delivered to {port}"),
            Self::Delivered { port, changes } => write!(f, "delivered to {port}, with {changes}"),
            Self::Answered { table, makers, answer } => {
                write!(f, "answered by {table}{}, with {answer}", by(makers))
            }
            Self::Tunnel { kind, ip, host: Some(host) } => {
                write!(f, "through a {kind} tunnel to host {host}, {ip}")
            }
            Self::Wire { network, hosts } if hosts.is_empty() => {
                write!(f, "to physical network {network}: who is there is not known here")
            }
            Self::Wire { network, hosts } => {
                write!(
                    f,
                    "to physical network {network}, where {} get it, and whoever else is there",
                    hosts.join(", ")
                )
            }
            Self::Tunnel { kind, ip, host: None } => {
                write!(f, "into a {kind} tunnel to {ip}, where no host takes it")
            }
            Self::Vtep { kind, ip, ports } => {
                let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
                write!(f, "through a {kind} tunnel to the VTEP {ip}, to {}", ports.join(", "))
            }
            Self::Controller { table, makers, answer, .. } => {
                write!(f, "to the controller, by {table}{}; it {answer}", by(makers))
            }
            Self::Dropped { table, reason, makers, about } => {
                write!(f, "dropped in {table}{}{}: {reason}", by(makers), about_words(about))
            }
            Self::Left { port } => {
                write!(f, "out of switch port {port}, which is neither a guest's nor a tunnel's")
            }
            Self::Lost { reason } => write!(f, "goes nowhere: {reason}"),
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for receiver in &self.receivers {
            let place = if receiver.is_behind_vtep { "behind the VTEP" } else { "on host" };
            writeln!(f, "delivered to {} {place} {}", receiver.port, receiver.host)?;
        }
        for answer in &self.answers {
            writeln!(f, "answered by {answer}")?;
        }
        if !self.is_delivered {
            writeln!(f, "not delivered")?;
        }
        for drop in &self.drops {
            writeln!(f, "dropped {drop}")?;
        }
        Ok(())
    }
}

impl Display for About {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.object)?;
        match &self.state {
            Some(state) => write!(f, ", which {state}"),
            None => Ok(()),
        }
    }
}
