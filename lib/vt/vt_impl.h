// SPDX-License-Identifier: MIT
#pragma once
#include <lib/vt/vt.h>

void vt_mark(struct vt *v, u32 row);
struct vt_cell *vt_line(struct vt *v, u32 row);
void vt_blank(struct vt *v, u32 row, u32 from, u32 to); // [from, to) in the pen's background
void vt_scroll_up(struct vt *v, u32 top, u32 bottom, u32 n);
void vt_scroll_down(struct vt *v, u32 top, u32 bottom, u32 n);
void vt_goto(struct vt *v, u32 row, u32 col); // clamped; honours origin mode
void vt_index(struct vt *v);                  // down, scrolling at the region's end
void vt_reset(struct vt *v);
void vt_print(struct vt *v, u32 code);
void vt_split_wide(struct vt *v, u32 row, u32 col); // col becomes the border between glyphs
void vt_save_cursor(struct vt *v);
void vt_restore_cursor(struct vt *v);
void vt_csi(struct vt *v, char final);
