using System.Reflection;

namespace Postern.Configuration;

/// <summary>What an options type can be written as. One reading of the types serves the binder, the JSON schema and the reference table.</summary>
internal static class OptionShape
{
    /// <summary>The element type of a list property, or null.</summary>
    public static Type? ListElement(Type type) => Argument(type, typeof(IReadOnlyList<>), 0);

    /// <summary>The value type of a mapping with free keys, or null.</summary>
    public static Type? MapValue(Type type) => Argument(type, typeof(IReadOnlyDictionary<,>), 1);

    /// <summary>A mapping with known keys: one of our options records.</summary>
    public static bool IsRecord(Type type) => type.IsClass && type != typeof(string) && type != typeof(Secret) && type.GetConstructor(Type.EmptyTypes) is not null;

    public static Type Plain(Type type) => Nullable.GetUnderlyingType(type) ?? type;

    public static IReadOnlyList<OptionProperty> Properties(Type record) =>
        [.. record.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite).Select(p => new OptionProperty(p))];

    /// <summary>The way an identifier of ours is written in a file: <c>StreamsPerConnection</c> is <c>streamsPerConnection</c>.</summary>
    public static string Camel(string name) => char.ToLowerInvariant(name[0]) + name[1..];

    /// <summary><c>FailedRead</c> is <c>failed-read</c>.</summary>
    public static string Kebab(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));

    private static Type? Argument(Type type, Type open, int index) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == open ? type.GetGenericArguments()[index] : null;
}

/// <summary>One key of an options record.</summary>
internal sealed class OptionProperty(PropertyInfo property)
{
    public string Key { get; } = OptionShape.Camel(property.Name);

    public Type Type { get; } = OptionShape.Plain(property.PropertyType);

    public PropertyInfo Property => property;

    public RequiredAttribute? Required { get; } = property.GetCustomAttribute<RequiredAttribute>();

    public BetweenAttribute? Between { get; } = property.GetCustomAttribute<BetweenAttribute>();

    public PathAttribute? Path { get; } = property.GetCustomAttribute<PathAttribute>();
}
