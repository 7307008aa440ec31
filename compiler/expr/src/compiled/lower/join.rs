//! Where ways come together.

use cranelift_codegen::ir::{Block, InstBuilder, types};

use super::operand::{Operand, Place, scalar_type};
use super::{Lower, Unfit};

impl<'a> Lower<'a, '_> {
    /// Ends a way with its result, to be joined with others.
    pub(super) fn land(&mut self, operand: Operand<'a>) -> (Block, Operand<'a>) {
        let landing = self.block();
        self.b.ins().jump(landing, &[]);
        (landing, operand)
    }

    /// Goes on where any of these ways ends.
    pub(super) fn join(
        &mut self,
        ways: Vec<(Block, Operand<'a>)>,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let join = self.block();
        let mut real = ways.iter().map(|(_, operand)| *operand).filter(|way| !matches!(way, Operand::Never));
        let Some(first) = real.next() else {
            for (landing, _) in ways {
                self.b.switch_to_block(landing);
                let leave = self.leave;
                self.b.ins().jump(leave, &[]);
            }
            self.b.switch_to_block(join);
            return Ok(Operand::Never);
        };
        let scalar = match first {
            Operand::Scalar(tag, _) => {
                real.all(|way| matches!(way, Operand::Scalar(own, _) if own == tag)).then_some(tag)
            }
            _ => None,
        };
        if let Some(tag) = scalar {
            let result = self.b.append_block_param(join, scalar_type(tag));
            for (landing, operand) in ways {
                self.b.switch_to_block(landing);
                match operand {
                    Operand::Scalar(_, bits) => self.b.ins().jump(join, &[bits.into()]),
                    _ => {
                        let leave = self.leave;
                        self.b.ins().jump(leave, &[])
                    }
                };
            }
            self.b.switch_to_block(join);
            return Ok(Operand::Scalar(tag, result));
        }
        let at = self.b.append_block_param(join, types::I64);
        let mut common: Option<Place<'a>> = None;
        for (landing, operand) in ways {
            self.b.switch_to_block(landing);
            let is_never = matches!(operand, Operand::Never);
            let place = self.place(operand, error)?;
            let address = self.address(&place);
            self.b.ins().jump(join, &[address.into()]);
            if is_never {
                continue;
            }
            common = Some(match common {
                None => Place { at, offset: 0, constant: None, ..place },
                Some(common) => Place {
                    tag: common.tag.filter(|tag| place.tag == Some(*tag)),
                    likely: common
                        .tag
                        .or(common.likely)
                        .filter(|tag| place.tag.or(place.likely) == Some(*tag)),
                    ty: common.ty.or(place.ty),
                    ..common
                },
            });
        }
        self.b.switch_to_block(join);
        Ok(Operand::Cell(common.unwrap_or(Place::new(at, 0))))
    }
}
