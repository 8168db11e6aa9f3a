(element
  (start_tag
    (attribute
      (attribute_name) @attribute
      [(quoted_attribute_value (attribute_value) @name) (attribute_value) @name]))
  (#eq? @attribute "id")) @definition.element
