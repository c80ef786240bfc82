//! Operations of unknown outcome, in classes: which of two equal ones took effect is no matter.

use std::collections::HashMap;

use super::configuration::Configuration;
use crate::models::register::{Action, Interned, Step};

/// The classes that were invoked so far.
#[derive(Debug)]
pub struct Unknowns {
    /// May each be used any number of times?
    reuse: bool,
    /// What a class does, and how many of it are left to every configuration.
    classes: Vec<(Action, u32)>,
    class_of: HashMap<Action, u32>,
    /// Classes whose value somebody may still ask for.
    live: Vec<u32>,
    /// Blind writes whose value nobody can ask for any more.
    dead: Vec<u32>,
    /// By value: until when somebody asks for it.
    wanted: HashMap<Interned, u32>,
    /// Until when somebody asks for anything but some value.
    refused: u32,
}

impl Unknowns {
    /// None yet; `steps` is the whole history, to know what will be asked for.
    pub fn new(steps: &[Step], reuse: bool) -> Self {
        let mut wanted: HashMap<Interned, u32> = HashMap::new();
        let mut refused = 0;
        for step in steps {
            if let Action::Differs(_) = step.action {
                refused = refused.max(step.end);
            }
            if let Action::Read(value) | Action::Cas(value, _) | Action::Differs(value) =
                step.action
            {
                let until = wanted.entry(value).or_default();
                *until = step.end.max(*until);
            }
        }
        Unknowns {
            reuse,
            classes: Vec::new(),
            class_of: HashMap::new(),
            live: Vec::new(),
            dead: Vec::new(),
            wanted,
            refused,
        }
    }

    /// One more was invoked.
    pub fn add(&mut self, action: Action) {
        let (classes, live) = (&mut self.classes, &mut self.live);
        let class = *self.class_of.entry(action).or_insert_with(|| {
            live.push(classes.len() as u32);
            classes.push((action, 0));
            classes.len() as u32 - 1
        });
        self.classes[class as usize].1 += 1;
    }

    /// Sorts out the classes whose value nobody can ask for any more. From such a value only a blind write
    /// leads on, so that a dead class helps nobody but a failed compare that wants to see anything else.
    pub fn bury(&mut self, now: u32) {
        let (classes, wanted) = (&self.classes, &self.wanted);
        let dead = &mut self.dead;
        self.live.retain(|class| {
            let action = classes[*class as usize].0;
            let until = action.installs().and_then(|value| wanted.get(&value));
            let lives =
                until.is_some_and(|until| *until >= now) || !matches!(action, Action::Write(_));
            if !lives {
                dead.push(*class);
            }
            lives
        });
    }

    /// The classes that a configuration may use. One dead class is as good as another, and none is of use
    /// where nobody asks for "anything else" any more.
    pub fn usable<'a>(
        &'a self,
        by: &'a Configuration,
        now: u32,
    ) -> impl Iterator<Item = (u32, Action)> + 'a {
        let left = |class: &&u32| self.reuse || by.uses(**class) < self.classes[**class as usize].1;
        let dead = self.dead.iter().find(left).filter(|_| self.refused >= now);
        let usable = self.live.iter().filter(left).chain(dead);
        usable.map(|class| (*class, self.classes[*class as usize].0))
    }

    /// Writes down that a configuration used one.
    pub fn spend(&self, class: u32, by: &mut Configuration) {
        if !self.reuse {
            by.spend(class);
        }
    }

    /// What every configuration has used is gone for good: subtracted, so that their lists stay short.
    pub fn settle(&mut self, all: &mut [Configuration]) {
        let Some(first) = all.first().filter(|first| !first.used.is_empty()) else {
            return;
        };
        for (class, count) in first.used.clone() {
            let common = all
                .iter()
                .map(|other| other.uses(class))
                .min()
                .unwrap_or(0)
                .min(count);
            if common == 0 {
                continue;
            }
            self.classes[class as usize].1 -= common;
            for configuration in all.iter_mut() {
                configuration.used.retain_mut(|(other, count)| {
                    *count -= if *other == class { common } else { 0 };
                    *count > 0
                });
            }
        }
    }
}
