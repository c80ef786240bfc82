//! What one look at all operations of a register tells: since when each value may be there, and who asks for it.

use crate::models::register::{Action, INITIAL, Interned, NEVER, Step};

/// So often it is asked who asks for what is asked for only now; then all is taken to be asked for.
const ROUNDS: usize = 8;

/// So many steps are many.
const LONG: usize = 512;

/// Whether these are so many that an exact algorithm is worth its beginning.
pub fn is_long(steps: &[Step]) -> bool {
    steps.len() > LONG
}

/// One value.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// When somebody first began to write it.
    since: u32,
    /// When the last of those ends that must find it; 0: nobody must, nor does it lead to what somebody must find.
    until: u32,
}

/// What is known of the values of some steps.
#[derive(Debug)]
pub struct Survey {
    values: Vec<Known>,
    /// Somebody found anything but some value.
    pub differs: bool,
    /// True if no value is written twice, the initial one not at all.
    pub is_distinct: bool,
    /// How many outcomes are unknown.
    pub unknown: usize,
}

impl Survey {
    /// Of steps in the order of their starts, values numbered below `values`. O(steps + values).
    pub fn of(steps: &[Step], values: usize) -> Survey {
        let unknown = Known {
            since: NEVER,
            until: 0,
        };
        let mut survey = Survey {
            values: vec![unknown; values],
            differs: false,
            is_distinct: true,
            unknown: 0,
        };
        survey.values[INITIAL as usize].since = 0;
        let mut chained = false;
        for step in steps {
            survey.unknown += usize::from(!step.must);
            survey.differs |= matches!(step.action, Action::Differs(_));
            if let Some(value) = step.action.installs() {
                let since = &mut survey.values[value as usize].since;
                survey.is_distinct &= *since == NEVER;
                *since = step.start.min(*since);
            }
            match step.action.needs() {
                Some(value) if step.must => {
                    let until = &mut survey.values[value as usize].until;
                    *until = step.end.max(*until);
                }
                needs => chained |= needs.is_some(),
            }
        }
        if chained {
            survey.follow(steps);
        }
        survey
    }

    /// A compare-and-set of unknown outcome asks for a value only if somebody asks for the one it makes: from the last to the
    /// first, again and again, but not for ever.
    fn follow(&mut self, steps: &[Step]) {
        for round in 0..=ROUNDS {
            let mut more = false;
            for step in steps.iter().rev().filter(|step| !step.must) {
                if let Action::Cas(old, new) = step.action
                    && old != new
                    && (self.differs || round == ROUNDS || self.values[new as usize].until > 0)
                {
                    let until = std::mem::replace(&mut self.values[old as usize].until, NEVER);
                    more |= until != NEVER;
                }
            }
            if !more {
                break;
            }
        }
    }

    /// True where the exact algorithm is quicker than any look at what is probable: of many steps, values that are written once.
    pub fn is_for_zones(&self, steps: &[Step]) -> bool {
        self.is_distinct && is_long(steps)
    }

    /// Those that found what nobody had begun to write by then, or what no register answers. O(steps).
    pub fn unanswerable<'a>(&self, steps: &'a [Step]) -> impl Iterator<Item = &'a Step> {
        steps.iter().filter(|step| {
            step.must
                && match step.action {
                    Action::Read(value) | Action::Cas(value, _) => {
                        self.values[value as usize].since > step.end
                    }
                    Action::Impossible => true,
                    Action::Write(_) | Action::Differs(_) => false,
                }
        })
    }

    /// Whether somebody who ends at `time` or later must find this value.
    pub fn is_asked_for(&self, value: Interned, time: u32) -> bool {
        self.values[value as usize].until >= time
    }

    /// When the last of those ends to whom it can matter that something of unknown outcome wrote this value: nobody after
    /// that must find it, or anything but what was there before.
    pub fn asked_until(&self, value: Interned) -> u32 {
        match self.differs {
            true => NEVER,
            false => self.values[value as usize].until,
        }
    }

    /// Whether it can matter that this took effect if its outcome is unknown: only those of use to somebody do.
    pub fn matters(&self, action: Action) -> bool {
        let value = (action.installs()).filter(|value| action.needs() != Some(*value));
        value.is_some_and(|value| self.differs || self.values[value as usize].until > 0)
    }

    /// Leaves out unknown outcomes whose value nobody asks for; they help only failed compares that do not tell
    /// what they found. O(steps).
    pub fn useful(&self, steps: &[Step]) -> Vec<Step> {
        let mut useful = Vec::with_capacity(steps.len());
        for step in steps {
            // Replacing a value by itself changes nothing.
            let action = match step.action {
                Action::Cas(old, new) if old == new => Action::Read(old),
                action => action,
            };
            if step.must || self.matters(action) {
                useful.push(Step { action, ..*step });
            }
        }
        useful
    }
}

#[cfg(test)]
mod tests {
    use super::super::Linearizable;
    use super::super::portfolio::judge;
    use super::*;
    use crate::models::register::Part;
    use crate::verdict::Valid;

    #[test]
    fn what_leads_to_what_is_asked_for_matters_however_far_away_it_is() {
        // Each of unknown outcome, the last link of the chain first: each look finds one more that leads on.
        for length in [1, 2, 3, 8, 9, 10, 30] {
            let step = |start, end, action| Step {
                operation: start,
                start,
                end,
                must: end != NEVER,
                action,
            };
            let links = (1..length).rev();
            let mut steps: Vec<Step> = (1..)
                .zip(links)
                .map(|(start, old)| step(start, NEVER, Action::Cas(old, old + 1)))
                .collect();
            steps.push(step(length, NEVER, Action::Write(1)));
            steps.push(step(length + 1, NEVER, Action::Cas(90, 91)));
            steps.push(step(length + 2, length + 3, Action::Read(length)));
            let survey = Survey::of(&steps, 100);
            let chain = &steps[..length as usize];
            assert!(chain.iter().all(|step| survey.matters(step.action)));
            let aside = survey.matters(Action::Cas(90, 91));
            assert!(!aside && survey.unknown == chain.len() + 1, "{length}");
            let part = Part {
                steps,
                values: 100,
                ..Part::default()
            };
            let judged = judge(&part, Linearizable::default().limits);
            assert_eq!(judged.valid, Valid::Yes, "{length}");
        }
    }
}
