//! A script that was loaded for something that goes on: a session, a sending run, a message.

use std::sync::Arc;
use std::time::Instant;

use super::Hooks;
use super::check::Defined;
use super::datum::{Fields, Reading};
use super::declare::Hook;
use super::scripts::Script;
use super::shelf::Stored;
use super::state::{CallError, Globals, State};
use super::value::Value;

/// One loaded script with its own variables. Calls run one at a time; a call whose future is dropped is a call whose
/// answer nobody wants, and ends the instance.
///
/// A script that fails has returned nothing. One that had to be left behind answers no more.
pub struct Instance {
    pub(super) hooks: Hooks,
    stored: Arc<Stored>,
    script: Script,
    /// Away during a call.
    state: Option<Box<State>>,
    /// One bit for each declared function that is there.
    defined: u64,
    /// Set with the next call.
    globals: Globals,
}

/// What a call has brought, untyped.
#[derive(Debug)]
pub struct Called {
    pub returned: Vec<Value>,
    /// The variables that were asked for.
    pub globals: Vec<(&'static str, Value)>,
}

impl Instance {
    pub(super) fn new(hooks: Hooks, stored: Arc<Stored>, script: Script, state: Box<State>, defined: u64) -> Instance {
        Instance { hooks, stored, script, state: Some(state), defined, globals: Vec::new() }
    }

    /// The message that helpers such as `VPOP3.GetMessageLines` read from now on.
    pub fn set_message(&mut self, message: Option<Arc<[u8]>>) {
        if let Some(state) = &self.state {
            state.message.set(message);
        }
    }

    /// It had to be left behind, and answers no more.
    pub fn is_lost(&self) -> bool {
        self.state.is_none()
    }

    /// Name of the script, as it was saved.
    pub fn name(&self) -> &str {
        &self.stored.name
    }

    /// Whether the script has this function. Costs nothing.
    pub fn defines<H: Hook>(&self) -> bool {
        self.state.is_some() && self.has(H::FUNCTION.name)
    }

    fn has(&self, function: &str) -> bool {
        self.script.place(function).is_some_and(|place| self.defined >> place & 1 == 1)
    }

    /// Sets global variables before the next call. Costs nothing until then.
    pub fn set<F: Fields>(&mut self, globals: F) {
        self.globals.extend(globals.pairs());
    }

    /// Calls a function. Nothing is changed by one that is not there, fails or returns nothing.
    pub async fn call<H: Hook>(&mut self, arguments: H) -> H::Returned {
        if !self.defines::<H>() {
            return H::Returned::default();
        }
        self.try_call(H::FUNCTION.name, arguments).await.unwrap_or_default()
    }

    /// Calls a function and reads global variables after it; `None` for the latter where it is not there or fails.
    pub async fn call_reading<H: Hook, F: Fields>(&mut self, arguments: H) -> (H::Returned, Option<F>) {
        if !self.defines::<H>() {
            return (H::Returned::default(), None);
        }
        let Ok(called) = self.call_untyped(H::FUNCTION.name, arguments.arguments(), names::<F>()).await else {
            return (H::Returned::default(), None);
        };
        let mut reading = Reading::default();
        let returned = H::read(called.returned, &mut reading);
        let globals = read_globals(called.globals, &mut reading);
        self.hooks.misread(&self.stored.name, H::FUNCTION.name, reading);
        (returned, Some(globals))
    }

    /// Calls a function with a name of its own, which has the arguments and returned values of `H`.
    pub async fn try_call<H: Hook>(&mut self, function: &str, arguments: H) -> Result<H::Returned, CallError> {
        let called = self.call_untyped(function, arguments.arguments(), Vec::new()).await?;
        let mut reading = Reading::default();
        let returned = H::read(called.returned, &mut reading);
        self.hooks.misread(&self.stored.name, function, reading);
        Ok(returned)
    }

    /// Reads global variables.
    pub async fn globals<F: Fields>(&mut self) -> Option<F> {
        let work = |state: &State| state.globals(&names::<F>());
        let globals = self.with_state(work).await.ok()?;
        let mut reading = Reading::default();
        let read = read_globals(globals, &mut reading);
        self.hooks.misread(&self.stored.name, "global variables", reading);
        Some(read)
    }

    /// Calls a function with arguments as they are, and reads variables after it. Failures are logged.
    pub async fn call_untyped(
        &mut self,
        function: &str,
        arguments: Vec<Value>,
        read: Vec<&'static str>,
    ) -> Result<Called, CallError> {
        if self.stored.is_off() {
            return Err(CallError::Lost);
        }
        let (name, globals) = (function.to_string(), std::mem::take(&mut self.globals));
        let functions = self.script.declaration().functions;
        let begin = Instant::now();
        let work = move |state: &State| {
            let returned = state.call(&name, arguments, globals)?;
            Ok((Called { returned, globals: state.globals(&read)? }, state.defined(functions)))
        };
        let result = self.with_state(work).await;
        self.hooks.called(self.script, &self.stored.name, function, begin.elapsed(), result.as_ref().err());
        let (called, defined) = result?;
        self.defined = defined;
        Ok(called)
    }

    /// As [`Instance::set`], with values as they are.
    pub fn set_untyped(&mut self, globals: Vec<(&'static str, Value)>) {
        self.globals.extend(globals);
    }

    /// Reads variables as they are.
    pub async fn globals_untyped(&mut self, names: Vec<&'static str>) -> Result<Called, CallError> {
        let work = move |state: &State| Ok(Called { returned: Vec::new(), globals: state.globals(&names)? });
        self.with_state(work).await
    }

    /// Global functions that the script has, by name.
    pub async fn defined_functions(&mut self) -> Option<Vec<Defined>> {
        self.with_state(|state| Ok(state.functions())).await.ok()
    }

    /// What was printed, where that is kept.
    pub fn take_printed(&self) -> Vec<String> {
        self.state.as_ref().map(|state| state.output.take()).unwrap_or_default()
    }

    async fn with_state<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&State) -> Result<T, CallError> + Send + 'static,
    ) -> Result<T, CallError> {
        let state = self.state.take().ok_or(CallError::Lost)?;
        match self.hooks.on_thread(&self.stored, state, work).await {
            Some((state, result)) => {
                self.state = Some(state);
                result
            }
            None => Err(CallError::Lost),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            self.hooks.dispose(state);
        }
    }
}

fn names<F: Fields>() -> Vec<&'static str> {
    F::RECORD.fields.iter().map(|field| field.name).collect()
}

fn read_globals<F: Fields>(mut globals: Vec<(&'static str, Value)>, reading: &mut Reading) -> F {
    let mut of = |name| {
        let at = globals.iter().position(|(known, _)| *known == name)?;
        Some(globals.swap_remove(at).1)
    };
    F::read_fields(&mut of, reading)
}
