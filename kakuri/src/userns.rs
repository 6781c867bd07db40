//! Why a user namespace could not be made.
pub fn explain_failure(_errno: i32) -> (String, String) {
    ("the kernel refuses it".into(), "kakuri doctor tells which setting forbids it".into())
}
