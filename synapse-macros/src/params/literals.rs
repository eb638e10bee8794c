//! Values that can be read while the macro runs.

use syn::{Expr, ExprArray, ExprLit, ExprPath, ExprUnary, Lit, UnOp};

/// A value as it was written.
pub(super) enum Literal<'a> {
    Integer(i128),
    Float(f64),
    Text(String),
    Bool,
    Character,
    List(&'a ExprArray),
}

impl<'a> Literal<'a> {
    /// The value of an expression that needs no compiler to be known.
    pub(super) fn of(value: &'a Expr) -> Option<Self> {
        match value {
            Expr::Lit(ExprLit { lit, .. }) => Self::of_token(lit),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match Self::of(expr)? {
                Self::Integer(number) => Some(Self::Integer(-number)),
                Self::Float(number) => Some(Self::Float(-number)),
                _ => None,
            },
            Expr::Paren(inner) => Self::of(&inner.expr),
            Expr::Group(inner) => Self::of(&inner.expr),
            Expr::Array(list) => Some(Self::List(list)),
            _ => None,
        }
    }

    fn of_token(token: &Lit) -> Option<Self> {
        match token {
            Lit::Int(number) if matches!(number.suffix(), "f32" | "f64") => {
                number.base10_digits().parse().ok().map(Self::Float)
            }
            Lit::Int(number) => number.base10_parse().ok().map(Self::Integer),
            Lit::Float(number) => number.base10_parse().ok().map(Self::Float),
            Lit::Str(text) => Some(Self::Text(text.value())),
            Lit::Bool(_) => Some(Self::Bool),
            Lit::Char(_) => Some(Self::Character),
            _ => None,
        }
    }

    /// The value, if it is a number.
    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Integer(number) => Some(Number::Integer(*number)),
            Self::Float(number) => Some(Number::Float(*number)),
            _ => None,
        }
    }
}

/// A number as it was written.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// The number that an expression is.
    pub(super) fn of(value: &Expr) -> Option<Self> {
        Literal::of(value)?.number()
    }

    pub(super) fn is_below(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(this), Self::Integer(other)) => this < other,
            _ => self.float() < other.float(),
        }
    }

    pub(super) fn is_multiple_of(self, step: Self) -> bool {
        match (self, step) {
            (Self::Integer(_), Self::Integer(0)) => true,
            (Self::Integer(this), Self::Integer(step)) => this % step == 0,
            _ => {
                let steps = self.float() / step.float();
                (steps - steps.round()).abs() < 1e-9 * steps.abs().max(1.0)
            }
        }
    }

    pub(super) fn is_positive(self) -> bool {
        self.float() > 0.0
    }

    fn float(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// Whether it names a number that JSON cannot write, such as `f64::NAN`.
pub(super) fn is_not_finite(value: &Expr) -> bool {
    match value {
        Expr::Path(ExprPath { path, .. }) => path
            .segments
            .last()
            .is_some_and(|name| ["NAN", "INFINITY", "NEG_INFINITY"].iter().any(|word| name.ident == word)),
        Expr::Unary(negated) => is_not_finite(&negated.expr),
        Expr::Paren(inner) => is_not_finite(&inner.expr),
        _ => false,
    }
}
