//! A build that believes the relay (feature `weakened`): `tests/hostile` is held against it, to show that its cases notice when a check is
//! missing. It reaches no relay but one on this machine.

/// Whether this is such a build.
pub(crate) const IS_WEAKENED: bool = cfg!(feature = "weakened");

/// Whether what the relay says is as it must be. The checks that `tests/hostile` is proven with ask by this.
pub(crate) const fn holds(is_as_it_must_be: bool) -> bool {
    is_as_it_must_be || IS_WEAKENED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_build_makes_its_checks() {
        assert!(!holds(false));
        assert!(holds(true));
    }
}
