// from-rust - a pipeline, started and watched from Rust over libdhow: no crate is needed.
//
//     rustc main.rs -l dhow && ./main pipeline.yaml '{"n": 3}'
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::ptr::{null, null_mut};

#[repr(C)]
struct Event {
    kind: [c_char; 8],
    task: [c_char; 512],
    state: [c_char; 16],
    reason: [c_char; 512],
    attempt: c_int,
    exit_code: c_int,
    json: *const c_char,
    reserved: [u64; 8],
}

extern "C" {
    fn dhow_open(options: *const c_void, ret: *mut *mut c_void) -> c_int;
    fn dhow_close(home: *mut c_void);
    fn dhow_error(home: *const c_void) -> *const c_char;
    fn dhow_start(home: *mut c_void, file: *const c_char, parameters: *const c_char, options: *const c_void, ret: *mut *mut c_void) -> c_int;
    fn dhow_next(run: *mut c_void, timeout_ms: c_int, ret: *mut Event) -> c_int;
    fn dhow_wait(run: *mut c_void, each: *const c_void, user: *mut c_void, ret_json: *mut *mut c_char) -> c_int;
    fn dhow_run_free(run: *mut c_void);
    fn dhow_free(p: *mut c_void);
}

fn text(p: *const c_char) -> String {
    // SAFETY: libdhow's texts end with NUL and live until the next call on their owner; this copies.
    unsafe { CStr::from_ptr(p) }.to_string_lossy().into_owned()
}

struct Home(*mut c_void);
struct Run<'a>(*mut c_void, &'a Home);

impl Home {
    fn open() -> Result<Home, String> {
        let mut home = null_mut();
        // SAFETY: no options are all defaults; `home` is set where the answer is 0; why not is a constant.
        match unsafe { dhow_open(null(), &mut home) } {
            0 => Ok(Home(home)),
            _ => Err(text(unsafe { dhow_error(null()) })),
        }
    }

    fn start(&self, file: &str, parameters: Option<&str>) -> Result<Run<'_>, String> {
        let file = CString::new(file).map_err(|e| e.to_string())?;
        let parameters = parameters.map(CString::new).transpose().map_err(|e| e.to_string())?;
        let mut run = null_mut();
        // SAFETY: the texts outlive the call.
        let rc = unsafe { dhow_start(self.0, file.as_ptr(), parameters.as_ref().map_or(null(), |p| p.as_ptr()), null(), &mut run) };
        if rc == 0 { Ok(Run(run, self)) } else { Err(text(unsafe { dhow_error(self.0) })) }
    }
}

impl Run<'_> {
    fn wait(&self) -> Result<String, String> {
        // SAFETY: an all-zero Event is a valid one; json is freed by who allocated it.
        unsafe {
            let mut event: Event = std::mem::zeroed();
            while dhow_next(self.0, -1, &mut event) > 0 {
                if text(event.kind.as_ptr()) == "task" {
                    println!("{} {}", text(event.state.as_ptr()), text(event.task.as_ptr()));
                }
            }
            let mut json = null_mut();
            let rc = dhow_wait(self.0, null(), null_mut(), &mut json);
            let record = if json.is_null() { String::new() } else { text(json) };
            dhow_free(json as *mut c_void);
            if rc == 0 { Ok(record) } else { Err(text(dhow_error(self.1 .0))) }
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        unsafe { dhow_run_free(self.0) }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        unsafe { dhow_close(self.0) }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let result = Home::open().and_then(|home| {
        let run = home.start(arguments.get(1).map_or("", |s| s), arguments.get(2).map(|s| s.as_str()))?;
        run.wait()
    });
    match result {
        Ok(record) => println!("{record}"),
        Err(why) => {
            eprintln!("run: {why}");
            std::process::exit(1);
        }
    }
}
