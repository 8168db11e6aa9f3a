(binary_operator
  lhs: [(identifier) (string)] @name
  rhs: (function_definition)) @definition.function
(program (binary_operator lhs: (identifier) @name rhs: (_)) @definition.variable)
