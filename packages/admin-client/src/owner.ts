/**
 * The rule of the label `owner`, which says who keeps a registration: a team, a repository, a
 * stack. It gives no rights. A pipeline changes and prunes only what carries its own label.
 */
export const OWNER = /^[A-Za-z0-9][\w.:/@-]{0,127}$/

export const OWNER_RULE =
  'must be 1 to 128 of A-Z a-z 0-9 _ . : / @ -, and begin with a letter or digit'
