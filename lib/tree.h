// SPDX-License-Identifier: MIT
// Intrusive balanced search tree (AVL). The caller compares and descends; the tree links and rebalances.
#pragma once
#include <lib/types.h>

struct tree_node {
    struct tree_node *parent, *left, *right;
    i8 balance; // height(right) - height(left)
};
struct tree {
    struct tree_node *root;
};

// Links n as the child of parent in *slot (&tree->root, &parent->left or &parent->right, found by descending) and rebalances.
void tree_insert(struct tree *t, struct tree_node *n, struct tree_node *parent,
                 struct tree_node **slot);
void tree_remove(struct tree *t, struct tree_node *n);
struct tree_node *tree_first(const struct tree *t); // null when empty
struct tree_node *tree_last(const struct tree *t);
struct tree_node *tree_next(const struct tree_node *n); // null at the end
struct tree_node *tree_prev(const struct tree_node *n);
