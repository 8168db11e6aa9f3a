(class_definition
  name: (identifier) @name
  body: (block . (string) @doc)?) @definition.class

(function_definition
  name: (identifier) @name
  body: (block . (string) @doc)?) @definition.function

(module (expression_statement (assignment left: (identifier) @name)) @definition.variable)

(module (type_alias_statement left: (type (identifier) @name)) @definition.type)
