//! Operations of unknown outcome, in classes: which of two equal ones took effect is no matter.

use std::sync::Arc;

use super::configuration::{Configuration, Usages};
use crate::hash::Map;
use crate::models::register::{Action, Interned, Step};

/// When each value is asked for last.
#[derive(Debug, Default)]
struct Wanted {
    until: Map<Interned, u32>,
    /// Until when somebody asks for anything but some value.
    refused: u32,
}

/// The classes that were invoked so far.
#[derive(Clone, Debug)]
pub struct Unknowns {
    /// May each be used any number of times?
    reuse: bool,
    /// What a class does, and how many of it are left to every configuration.
    classes: Vec<(Action, u32)>,
    class_of: Map<Action, u32>,
    /// Classes whose value somebody may still ask for.
    live: Vec<u32>,
    /// Blind writes whose value nobody can ask for any more.
    dead: Vec<u32>,
    wanted: Arc<Wanted>,
}

impl Unknowns {
    /// None yet; `steps` is the whole history, to know what will be asked for.
    pub fn new(steps: &[Step], reuse: bool) -> Self {
        let mut wanted = Wanted::default();
        for step in steps {
            if let Action::Differs(_) = step.action {
                wanted.refused = wanted.refused.max(step.end);
            }
            if let Action::Read(value) | Action::Cas(value, _) | Action::Differs(value) =
                step.action
            {
                let until = wanted.until.entry(value).or_default();
                *until = step.end.max(*until);
            }
        }
        Unknowns {
            reuse,
            classes: Vec::new(),
            class_of: Map::default(),
            live: Vec::new(),
            dead: Vec::new(),
            wanted: Arc::new(wanted),
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
            let until = action.installs().and_then(|value| wanted.until.get(&value));
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
    pub fn usable(
        &self,
        by: Configuration,
        usages: &Usages,
        now: u32,
        usable: &mut Vec<(u32, Action)>,
    ) {
        let left = |class: &&u32| {
            let left = self.classes[**class as usize].1;
            self.reuse || left > 0 && usages.uses(by.used, **class) < left
        };
        let dead = match self.wanted.refused >= now {
            true => self.dead.iter().find(left),
            false => None,
        };
        let fits = |class: &&u32| self.classes[**class as usize].0.step(by.state).is_some();
        let live = self.live.iter().filter(fits).filter(left);
        usable.clear();
        usable.extend(
            live.chain(dead)
                .map(|class| (*class, self.classes[*class as usize].0)),
        );
    }

    /// True if using one costs nothing.
    pub fn are_free(&self) -> bool {
        self.reuse
    }

    /// Every configuration has used so many of a class: they are gone for good.
    pub fn settle(&mut self, class: u32, count: u32) {
        self.classes[class as usize].1 -= count;
    }

    /// What a class does.
    pub fn action(&self, class: u32) -> Action {
        self.classes[class as usize].0
    }
}
