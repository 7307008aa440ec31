//! Which type fits where: assignment with type variables, and the most general of two types, by the rules of cel-go.

use smol_str::SmolStr;

use super::types::CelType;

/// Comparing two types takes at most so many steps: variables that stand for types of variables can be a short way of
/// writing an endless one. What is not decided by then fits, and is left to the values.
const STEPS_MAX: u32 = 20_000;

/// What type variables stand for. A failed attempt leaves no trace.
#[derive(Debug, Default)]
pub(super) struct Unifier {
    vars: Vec<Option<CelType>>,
    /// What was bound since the last attempt began, with what it stood for before.
    trail: Vec<(u32, Option<CelType>)>,
    steps: u32,
}

impl Unifier {
    /// Returns a type that is not known yet.
    pub fn fresh(&mut self) -> CelType {
        self.vars.push(None);
        CelType::Var(self.vars.len() as u32 - 1)
    }

    /// Whether values of one type may stand where the other is asked; binds variables if so.
    pub fn assign(&mut self, from: &CelType, to: &CelType) -> bool {
        self.attempt(|this| this.assignable(from, to))
    }

    /// The same for several at once.
    pub fn assign_all(&mut self, from: &[CelType], to: &[CelType]) -> bool {
        from.len() == to.len()
            && self.attempt(|this| from.iter().zip(to).all(|(from, to)| this.assignable(from, to)))
    }

    fn attempt(&mut self, run: impl FnOnce(&mut Self) -> bool) -> bool {
        self.trail.clear();
        self.steps = 0;
        let fits = run(self);
        if !fits {
            while let Some((var, before)) = self.trail.pop() {
                self.vars[var as usize] = before;
            }
        }
        fits
    }

    /// Returns the more general of two types, of which the one must be assignable to the other.
    pub fn general(&self, left: &CelType, right: &CelType) -> CelType {
        if self.is_general(left, right) { left.clone() } else { right.clone() }
    }

    /// Replaces variables by what they stand for.
    pub fn resolve(&self, ty: &CelType) -> CelType {
        self.replaced(ty, false, &mut 0)
    }

    /// Replaces variables by what they stand for, and those that stand for nothing by `dyn`.
    pub fn settled(&self, ty: &CelType) -> CelType {
        self.replaced(ty, true, &mut 0)
    }

    fn replaced(&self, ty: &CelType, settle: bool, steps: &mut u32) -> CelType {
        *steps += 1;
        if *steps > STEPS_MAX {
            return CelType::Dyn;
        }
        match (self.found(ty), ty) {
            (Some(of), _) => self.replaced(of, settle, steps),
            (None, CelType::Var(_)) if settle => CelType::Dyn,
            (None, _) => ty.with_parts(&mut |part| self.replaced(part, settle, steps)),
        }
    }

    /// Returns a declared type with a fresh variable for each of its parameters.
    pub fn instance(&mut self, ty: &CelType, params: &mut Vec<(SmolStr, CelType)>) -> CelType {
        if let CelType::Param(name) = ty {
            if let Some((_, var)) = params.iter().find(|(known, _)| known == name) {
                return var.clone();
            }
            let var = self.fresh();
            params.push((name.clone(), var.clone()));
            return var;
        }
        ty.with_parts(&mut |part| self.instance(part, params))
    }

    fn found(&self, ty: &CelType) -> Option<&CelType> {
        match ty {
            CelType::Var(var) => self.vars.get(*var as usize)?.as_ref(),
            _ => None,
        }
    }

    fn bind(&mut self, var: u32, ty: CelType) {
        if let Some(place) = self.vars.get_mut(var as usize) {
            let before = place.replace(ty);
            self.trail.push((var, before));
        }
    }

    fn assignable(&mut self, from: &CelType, to: &CelType) -> bool {
        use CelType as T;
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return true;
        }
        if let T::Var(var) = to {
            let (fits, known) = self.substitutes(from, *var);
            if fits {
                return true;
            }
            if known {
                return false;
            }
        }
        if let T::Var(var) = from {
            return self.substitutes(to, *var).0;
        }
        if from.is_dyn() || to.is_dyn() {
            return true;
        }
        match (from, to) {
            (T::Null, other) | (other, T::Null) => {
                matches!(
                    other,
                    T::Null | T::Wrapper(_) | T::Duration | T::Timestamp | T::Opaque(..) | T::Param(_)
                )
            }
            (T::Wrapper(from), T::Wrapper(to)) => self.assignable(from, to),
            (T::Wrapper(of), other) | (other, T::Wrapper(of)) => self.assignable(of, other),
            (T::Type(_), T::Type(_)) => true,
            (T::List(from), T::List(to)) => self.assignable(from, to),
            (T::Map(key, value), T::Map(to_key, to_value)) => {
                self.assignable(key, to_key) && self.assignable(value, to_value)
            }
            (T::Opaque(name, args), T::Opaque(to_name, to_args)) => {
                name == to_name
                    && args.len() == to_args.len()
                    && args.iter().zip(to_args).all(|(from, to)| self.assignable(from, to))
            }
            _ => from == to,
        }
    }

    /// Whether a type may be what a variable stands for, and whether it stood for something already.
    fn substitutes(&mut self, ty: &CelType, var: u32) -> (bool, bool) {
        if *ty == CelType::Var(var) {
            return (true, true);
        }
        if let Some(known) = self.vars.get(var as usize).cloned().flatten() {
            if *ty == known {
                return (true, true);
            }
            if !self.assignable(ty, &known) {
                return (false, true);
            }
            let general = self.general(ty, &known);
            if !self.refers(var, &general, &mut 0) {
                self.bind(var, general);
            }
            return (true, true);
        }
        if self.refers(var, ty, &mut 0) {
            return (false, false);
        }
        self.bind(var, ty.clone());
        (true, false)
    }

    fn refers(&self, var: u32, within: &CelType, steps: &mut u32) -> bool {
        *steps += 1;
        if *within == CelType::Var(var) || *steps > STEPS_MAX {
            return true;
        }
        match self.found(within) {
            Some(of) => self.refers(var, of, steps),
            None => within.parts().into_iter().any(|part| self.refers(var, part, steps)),
        }
    }

    /// Whether the one is as general as the other, or more so.
    fn is_general(&self, left: &CelType, right: &CelType) -> bool {
        use CelType as T;
        if matches!(left, T::Dyn | T::Error | T::Var(_) | T::Param(_)) {
            return true;
        }
        if matches!(right, T::Dyn | T::Error | T::Var(_) | T::Param(_)) {
            return false;
        }
        match (left, right) {
            (T::Type(_), T::Type(_)) => true,
            (T::Wrapper(_), other) if !matches!(other, T::Wrapper(_)) => true,
            (other, T::Null) if !matches!(other, T::Null) => true,
            (T::List(left), T::List(right)) => self.is_general(left, right),
            (T::Map(key, value), T::Map(right_key, right_value)) => {
                self.is_general(key, right_key) && self.is_general(value, right_value)
            }
            (T::Opaque(name, args), T::Opaque(right_name, right_args)) => {
                name == right_name
                    && args.len() == right_args.len()
                    && args.iter().zip(right_args).all(|(left, right)| self.is_general(left, right))
            }
            _ => left == right,
        }
    }
}
